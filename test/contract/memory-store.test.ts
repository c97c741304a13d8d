import { type MemoryStore, openMemoryStore } from "../support/memory-store.ts";
import { type CrashFixture, describeCrash, describeOrderedStore } from "./ordered-store.ts";

const makeFixture = async (): Promise<CrashFixture> => {
  let current: MemoryStore = openMemoryStore();
  return {
    open: async () => (current = current.crash()),
    reopenAfterCrash: async () => (current = current.crash(2)),
    remove: async () => undefined,
  };
};

describeOrderedStore("The simulation's store", makeFixture);
describeCrash("The simulation's store", makeFixture);
