/**
 * A file beside the store that is given up when the disk is full to the last byte, so that running work can still end and be recorded, and a daemon can
 * open its store. Below the floor no new work is taken; this is for when other programs fill the disk beyond it. Source: design, Trust, Audit.
 */
import { randomFillSync } from "node:crypto";
import { existsSync, rmSync, statfsSync } from "node:fs";
import { open } from "node:fs/promises";
import { FREE_SPACE_FLOOR_BYTES } from "../contract/limits.ts";

/** Size of the reserve: LevelDB's next log and table, and some megabytes of records. */
export const DISK_RESERVE_BYTES = 8_388_608;
const BLOCK_BYTES = 1_048_576;

/** Free bytes of the disk that a folder lies on. */
export function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** The reserve of one store. */
export interface DiskReserve {
  /**
   * Free bytes now. Gives the reserve up where they are fewer than it holds, and makes it anew, in the background, where there is room beyond the
   * floor. For the commit queue, which asks before each batch.
   */
  freeBytes(): number;
  /** Resolves once what is being made is made. */
  settled(): Promise<void>;
}

/**
 * The reserve at a path. Gives it up at once where the disk is full, so make it before the store is opened.
 * @param measure free bytes of the disk that it lies on
 */
export function createDiskReserve(path: string, measure: () => number): DiskReserve {
  let isHeld = existsSync(path);
  let making: Promise<void> | undefined;

  const release = (): void => {
    rmSync(path, { force: true });
    isHeld = false;
  };
  const make = async (): Promise<void> => {
    // Half of one would be taken for the whole; it is tried again before a later batch.
    await writeReserve(path).then(() => (isHeld = true), release);
    making = undefined;
  };
  const freeBytes = (): number => {
    const free = measure();
    if (isHeld && free < DISK_RESERVE_BYTES) {
      release();
      return measure();
    }
    if (!isHeld && free >= FREE_SPACE_FLOOR_BYTES + 2 * DISK_RESERVE_BYTES) making ??= make();
    return free;
  };
  freeBytes();
  return { freeBytes, settled: async () => making };
}

/** Random, since a file system that compresses would give zeros no room. */
async function writeReserve(path: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    for (let left = DISK_RESERVE_BYTES; left > 0; left -= BLOCK_BYTES) await file.write(randomFillSync(Buffer.alloc(BLOCK_BYTES)));
  } finally {
    await file.close();
  }
}
