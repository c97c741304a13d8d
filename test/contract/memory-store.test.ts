import type { OrderedStore } from "../../mesh/contract/ports.ts";
import { type MemoryStore, openMemoryStore } from "../support/memory-store.ts";
import { describeOrderedStore } from "./ordered-store.ts";

describeOrderedStore("The simulation's store", async () => {
  let current: MemoryStore = openMemoryStore();
  return {
    open: async () => (current = current.crash()),
    reopenAfterCrash: async (_store: OrderedStore) => (current = current.crash(2)),
    remove: async () => undefined,
  };
});
