/**
 * A virtual disk that outlives processes. Batches take time, one after the other; a crash keeps what was synced and any prefix of the rest; a write
 * can fail, and what the disk then holds of it is left to chance, as on a real one.
 */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Clock, KeyRange, OrderedStore, StoreOp } from "../../mesh/contract/ports.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/** What the disk needs. */
export interface SimDiskDeps {
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Told of each batch once it can't be lost any more. */
  onDurable(ops: readonly StoreOp[]): void;
}

/** Faults of a disk; may be changed at any time. */
export interface DiskFaults {
  /** Longest time of a synced batch. */
  maxSyncMs: number;
  /** The next batch fails. */
  failNext: boolean;
  /** Says that a sync is done before it is: a planted bug. */
  lies: boolean;
  readonly full: boolean;
}

/** The disk of one machine. */
export interface SimDisk {
  readonly faults: { -readonly [K in keyof DiskFaults]: DiskFaults[K] };
  /** What would be there after a crash that loses all it may. */
  readonly durable: ReadonlyMap<string, string>;
  /** Opens the store for a process. @param onFailure the process must end: a write has failed */
  open(onFailure: () => void): OrderedStore;
  /** The process or the machine dies; the open handle fails from now on. */
  crash(): void;
}

const closed = (): GaggleError => new GaggleError("STORE_FAILED", "The store could not be written and was closed.");

const apply = (data: Map<string, string>, ops: readonly StoreOp[]): void => {
  for (const op of ops) {
    if (op.type === "put") data.set(op.key, op.value);
    else data.delete(op.key);
  }
};

/** Keys are ASCII here, so comparing texts is comparing bytes. */
function rangeOf(data: ReadonlyMap<string, string>, { gte, lt, limit, reverse }: KeyRange): [string, string][] {
  const pairs = [...data].filter(([key]) => key >= gte && key < lt).sort(([a], [b]) => (a < b ? -1 : 1));
  if (reverse === true) pairs.reverse();
  return pairs.slice(0, limit ?? pairs.length);
}

/** Makes an empty disk. */
export function createSimDisk({ clock, random, onDurable }: SimDiskDeps): SimDisk {
  const faults = { maxSyncMs: 4, failNext: false, lies: false, full: false };
  const durable = new Map<string, string>();
  /** Written and not certain to stay, oldest first. */
  let loose: (readonly StoreOp[])[] = [];
  let handle = { usable: false };

  const harden = (): void => {
    for (const ops of loose) {
      apply(durable, ops);
      onDurable(ops);
    }
    loose = [];
  };

  const crash = (): void => {
    handle.usable = false;
    loose = loose.slice(0, Math.floor(random.next() * (loose.length + 1)));
    harden();
  };

  const open = (onFailure: () => void): OrderedStore => {
    const mine = { usable: true };
    handle = mine;
    const data = new Map(durable);
    let before: Promise<void> = Promise.resolve();
    const assertUsable = (): void => {
      if (!mine.usable) throw closed();
    };

    const write = async (ops: readonly StoreOp[], sync: boolean): Promise<void> => {
      assertUsable();
      // From here on a crash may keep it.
      loose.push(ops);
      const waitMs = sync ? Math.floor(random.next() * (faults.maxSyncMs + 1)) : 0;
      if (waitMs > 0 && !faults.lies) await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
      assertUsable();
      if (faults.failNext) {
        faults.failNext = false;
        crash();
        onFailure();
        throw closed();
      }
      apply(data, ops);
      if (sync && !faults.lies) harden();
      // Known to be on the disk, but not told yet: a crash may fall between.
      if (sync && random.next() < 0.2) await new Promise<void>((resolve) => void clock.after(1, resolve));
      assertUsable();
    };

    return {
      get(key) {
        assertUsable();
        return data.get(key);
      },
      async range(range) {
        assertUsable();
        return rangeOf(data, range);
      },
      batch(ops, { sync }) {
        const written = before.then(() => write(ops, sync));
        before = written.catch(() => undefined);
        return written;
      },
      async close() {
        mine.usable = false;
      },
    };
  };

  return { faults, durable, open, crash };
}
