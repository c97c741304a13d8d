/** The daemon's store: LevelDB behind the {@link OrderedStore} port. Source: design, Durability; docs/decisions/0030-one-store-one-commit-queue.md. */
import { chmod, mkdir } from "node:fs/promises";
import { Level } from "level";
import { GaggleError } from "../contract/errors.ts";
import type { KeyRange, OrderedStore, StoreOp } from "../contract/ports.ts";
import { assertStoreWhole, DAMAGED_FIX } from "./store-files.ts";

/** Whether a store could not be opened because somebody has it open. LevelDB hides its reason in `cause`. */
export function isLocked(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && at.code === "LEVEL_LOCKED") return true;
  }
  return false;
}

const openFailure = (cause: unknown): GaggleError =>
  isLocked(cause)
    ? new GaggleError(
        "CONFLICT",
        "Another daemon owns this home. Stop it, or use another folder (GAGGLE_HOME; of a bootstrap node --dir).",
        { cause },
      )
    : new GaggleError("STORE_FAILED", `The store could not be opened. Check the disk and the rights of its folder. ${DAMAGED_FIX}`, {
        cause,
      });

const writeFailure = (cause: unknown): GaggleError =>
  new GaggleError("STORE_FAILED", "The store could not be written and was closed. Check the disk, then start the daemon again.", { cause });

/** The store, and what only its owner asks of it. */
export interface LevelStore extends OrderedStore {
  /** False once a write has failed, or the store was closed. */
  usable(): boolean;
  /** Every pair as it was at the moment of the call, in order, read bit by bit while others go on writing. */
  snapshot(): AsyncIterable<[key: string, value: string]>;
}

/**
 * Opens (or makes) the LevelDB in a folder that only its owner can read (0700). Values and keys are UTF-8 text.
 * A failed write closes the store: what the disk holds is then unknown until it is reopened, so every later call fails.
 * @param onFailure told once when a write has failed, whoever's it was: the store's owner has to end and to begin anew
 * @throws GaggleError CONFLICT where another process has it open, STORE_FAILED where it can't be opened, or a part of it is gone
 */
export async function openLevelStore(dir: string, onFailure: (error: GaggleError) => void = () => undefined): Promise<LevelStore> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  await assertStoreWhole(dir);
  const level = new Level<string, string>(dir);
  try {
    await level.open();
  } catch (cause) {
    throw openFailure(cause);
  }
  let usable = true;
  const fail = (cause: unknown): GaggleError => {
    const error = writeFailure(cause);
    onFailure(error);
    return error;
  };
  const assertUsable = (): void => {
    if (!usable) throw new GaggleError("STORE_FAILED", "The store is closed. Start the daemon again.");
  };

  return {
    get(key: string): string | undefined {
      assertUsable();
      return level.getSync(key);
    },
    async range({ gte, lt, limit, reverse }: KeyRange): Promise<[string, string][]> {
      assertUsable();
      return level.iterator({ gte, lt, limit: limit ?? -1, reverse: reverse ?? false }).all();
    },
    async batch(ops: readonly StoreOp[], { sync }: { sync: boolean }): Promise<void> {
      assertUsable();
      try {
        await level.batch([...ops], { sync });
      } catch (cause) {
        usable = false;
        // The write's own error is what the caller must see; LevelDB's close only releases its lock here.
        await level.close().catch((closing: unknown) => Promise.reject(fail(new AggregateError([cause, closing]))));
        throw fail(cause);
      }
    },
    usable: () => usable,
    snapshot() {
      assertUsable();
      // LevelDB's iterators read the state at which they were made.
      return level.iterator();
    },
    async close(): Promise<void> {
      usable = false;
      await level.close();
    },
  };
}
