/**
 * A lock between processes: a folder that only one of them can make. It names its owners, one file each: the process that took it and the children that
 * work for it. A lock whose owners are all gone is taken over; a child that outlives a killed parent still holds it. Runs on Node 18.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a lock may be without an owner's id: the first is written right after the folder is made. */
const UNNAMED_MS = 5_000;
const POLL_MS = 200;

/**
 * @param {unknown} error
 * @returns {unknown} the system's code of an error
 */
const codeOf = (error) => (error instanceof Error && "code" in error ? error.code : undefined);

/**
 * @param {number} pid
 * @returns {boolean} true where such a process runs, also another user's
 */
const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
};

/**
 * @param {string} lock
 * @param {number} now epoch milliseconds
 * @returns {boolean} true where the lock exists and nobody holds it any more
 */
const isAbandoned = (lock, now) => {
  try {
    const owners = readdirSync(lock).map(Number);
    return owners.length === 0 ? now - statSync(lock).mtimeMs > UNNAMED_MS : !owners.some(isAlive);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
};

/** @param {string} lock */
const clearAbandoned = (lock) => {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  rmSync(aside, { recursive: true, force: true });
};

/**
 * @param {string} lock
 * @returns {boolean} true where this process has the lock now
 */
const tryTake = (lock) => {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  writeFileSync(join(lock, String(process.pid)), "");
  return true;
};

/**
 * Runs `work` while no other process runs under the same lock.
 * @template T
 * @param {string} lock path of the lock's folder; its parent is made
 * @param {(addOwner: (pid: number) => void) => Promise<T>} work is given a function that names a child which must be over, too, before another may enter
 * @param {() => void} [onWait] called once where another process has the lock
 * @returns {Promise<T>} what `work` returns
 */
export const withLock = async (lock, work, onWait = () => undefined) => {
  mkdirSync(dirname(lock), { recursive: true });
  for (let waited = false; !tryTake(lock); await sleep(POLL_MS)) {
    if (isAbandoned(lock, Date.now())) clearAbandoned(lock);
    else if (!waited) {
      waited = true;
      onWait();
    }
  }
  try {
    return await work((pid) => writeFileSync(join(lock, String(pid)), ""));
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
};
