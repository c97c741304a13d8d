/** An in-memory {@link OrderedStore} for simulations: what was not synced is lost by `crash`, as a suffix. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { KeyRange, OrderedStore, StoreOp } from "../../mesh/contract/ports.ts";

/** Compares two texts by their UTF-8 bytes, as LevelDB does. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The store, and the levers of a simulation. */
export interface MemoryStore extends OrderedStore {
  /** The disk after a power cut now: keeps all synced batches and the first `kept` of the later ones. The old handle fails from then on. */
  crash(kept?: number): MemoryStore;
  /** Makes the next batch fail, as a full or broken disk does. */
  failNextBatch(): void;
}

const apply = (data: Map<string, string>, ops: readonly StoreOp[]): void => {
  for (const op of ops) {
    if (op.type === "put") data.set(op.key, op.value);
    else data.delete(op.key);
  }
};

/** Opens a store over `disk`, the pairs that survived so far. */
export function openMemoryStore(disk: ReadonlyMap<string, string> = new Map()): MemoryStore {
  const synced = new Map(disk);
  const data = new Map(disk);
  let unsynced: (readonly StoreOp[])[] = [];
  let usable = true;
  let failing = false;
  const assertUsable = (): void => {
    if (!usable) throw new GaggleError("STORE_FAILED", "The store is closed. Start the daemon again.");
  };

  return {
    get(key) {
      assertUsable();
      return data.get(key);
    },
    async range({ gte, lt, limit, reverse }: KeyRange) {
      assertUsable();
      const pairs = [...data].filter(([key]) => byBytes(key, gte) >= 0 && byBytes(key, lt) < 0).sort(([a], [b]) => byBytes(a, b));
      if (reverse === true) pairs.reverse();
      return pairs.slice(0, limit ?? pairs.length);
    },
    async batch(ops, { sync }) {
      assertUsable();
      // The write reaches the disk later than the call, so that crashes can fall between.
      await Promise.resolve();
      if (failing || !usable) {
        usable = false;
        throw new GaggleError(
          "STORE_FAILED",
          "The store could not be written and was closed. Check the disk, then start the daemon again.",
        );
      }
      apply(data, ops);
      unsynced.push(ops);
      if (!sync) return;
      for (const batch of unsynced) apply(synced, batch);
      unsynced = [];
    },
    async close() {
      usable = false;
    },
    crash(kept = 0) {
      usable = false;
      const survivors = new Map(synced);
      for (const batch of unsynced.slice(0, kept)) apply(survivors, batch);
      return openMemoryStore(survivors);
    },
    failNextBatch() {
      failing = true;
    },
  };
}
