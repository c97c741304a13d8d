import fc from "fast-check";
import { expect, test } from "vitest";
import type { StoreOp } from "../../mesh/contract/ports.ts";
import { withRecentWrites } from "../../mesh/store/recent-writes.ts";
import { type MemoryStore, openMemoryStore } from "../support/memory-store.ts";
import { type CrashFixture, describeCrash, describeOrderedStore } from "./ordered-store.ts";

const makeFixture = async (): Promise<CrashFixture> => {
  let current: MemoryStore = openMemoryStore();
  return {
    open: async () => {
      current = current.crash();
      return withRecentWrites(current);
    },
    reopenAfterCrash: async () => {
      current = current.crash(2);
      return withRecentWrites(current);
    },
    remove: async () => undefined,
  };
};

describeOrderedStore("A store with recent writes in memory", makeFixture);
describeCrash("A store with recent writes in memory", makeFixture);

test("reads are what the store itself would answer, whatever was written and however little is kept", async () => {
  const key = fc.constantFrom("a", "b", "c", "d");
  const op: fc.Arbitrary<StoreOp> = fc.oneof(
    fc.record({ type: fc.constant("put" as const), key, value: fc.constantFrom("", "short", "x".repeat(40), "y".repeat(20_000)) }),
    fc.record({ type: fc.constant("del" as const), key }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(op, { maxLength: 4 }), { maxLength: 12 }),
      fc.constantFrom(0, 50, 1_000_000),
      async (batches, maxChars) => {
        const plain = openMemoryStore();
        const store = withRecentWrites(plain, maxChars);
        for (const ops of batches) {
          await store.batch(ops, { sync: true });
          for (const name of ["a", "b", "c", "d"]) expect(store.get(name)).toBe(plain.get(name));
        }
      },
    ),
    { seed: 5, numRuns: 200 },
  );
});

test("a failed write leaves nothing that could be answered from memory", async () => {
  const disk = openMemoryStore();
  const store = withRecentWrites(disk);
  await store.batch([{ type: "put", key: "a", value: "1" }], { sync: true });
  disk.failNextBatch();
  await expect(store.batch([{ type: "put", key: "a", value: "2" }], { sync: true })).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(() => store.get("a")).toThrow(expect.objectContaining({ code: "STORE_FAILED" }));
});
