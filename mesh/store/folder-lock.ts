/** Lets one process at a time work on a folder of files that are read, changed and written whole, so that no change is lost. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Level } from "level";
import { GaggleError } from "../contract/errors.ts";
import { isLocked } from "./level-store.ts";

/** Folder of the lock. An empty LevelDB: the system frees its lock with the process that holds it, however that ends. */
const LOCK = ".lock";
const POLL_MS = 50;
const WAIT_MS = 30_000;

/**
 * Does the work alone; waits for whoever works there already. A folder that is not there has nothing to lose and is not made.
 * @param options `waitMs`: how long (default 30 s)
 * @throws GaggleError CONFLICT where the other one is not done by then, STORE_FAILED where the folder can't be written
 */
export async function withFolderLock<T>(dir: string, work: () => Promise<T>, { waitMs = WAIT_MS }: { waitMs?: number } = {}): Promise<T> {
  if (!existsSync(dir)) return work();
  const lock = await take(join(dir, LOCK), waitMs);
  try {
    return await work();
  } finally {
    await lock.close();
  }
}

async function take(path: string, waitMs: number): Promise<Level> {
  let mended = false;
  for (let left = waitMs; ; ) {
    const lock = new Level(path);
    try {
      await lock.open();
      return lock;
    } catch (cause) {
      if (isLocked(cause)) {
        if (left <= 0)
          throw new GaggleError("CONFLICT", "Another gaggle command works on this folder; run this again when it is done.", { cause });
        left -= POLL_MS;
        await sleep(POLL_MS);
        continue;
      }
      if (mended) throw new GaggleError("STORE_FAILED", "The folder can't be locked; check its rights and the free space.", { cause });
      // Half of a lock, as a full disk leaves one. Nobody has it open, and nothing is in it.
      mended = true;
      await rm(path, { recursive: true, force: true });
    }
  }
}
