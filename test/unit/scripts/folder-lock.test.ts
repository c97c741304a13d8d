import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "../../../scripts/folder-lock.mjs";

let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gaggle-lock-"));
  lock = join(folder, "deep", "set-up.lock");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const leaveLock = async (pid: number | undefined): Promise<void> => {
  await mkdir(lock, { recursive: true });
  if (pid !== undefined) await writeFile(join(lock, String(pid)), "");
};

/** The id of a process that has ended. */
const deadPid = (): number => spawnSync(process.execPath, ["-e", "0"]).pid;

describe("withLock", () => {
  it("lets one in at a time, tells the other that it waits, and leaves nothing behind", async () => {
    const seen: string[] = [];
    const enter = (name: string): Promise<void> =>
      withLock(
        lock,
        async () => {
          seen.push(`${name} in`);
          await sleep(50);
          seen.push(`${name} out`);
        },
        () => seen.push(`${name} waits`),
      );
    await Promise.all([enter("a"), enter("b")]);
    expect(seen).toEqual(["a in", "b waits", "a out", "b in", "b out"].sort((x, y) => seen.indexOf(x) - seen.indexOf(y)));
    expect(seen.indexOf("a out")).toBeLessThan(seen.indexOf("b in"));
    expect(existsSync(lock)).toBe(false);
  });

  it("gives the lock back and passes the error on where the work fails", async () => {
    await expect(withLock(lock, () => Promise.reject(new Error("broken work")))).rejects.toThrow("broken work");
    expect(existsSync(lock)).toBe(false);
  });

  it("takes over the lock of a process that is gone", async () => {
    await leaveLock(deadPid());
    await expect(withLock(lock, () => Promise.resolve("done"))).resolves.toBe("done");
  });

  it("waits while a child of a process that is gone still works", async () => {
    await leaveLock(deadPid());
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 600)"]);
    await writeFile(join(lock, String(child.pid)), "");
    let childIsOver = false;
    child.once("exit", () => {
      childIsOver = true;
    });
    await withLock(lock, () => Promise.resolve(expect(childIsOver).toBe(true)));
  });

  it("takes over an old lock that never got its owner's id, and waits for a fresh one", async () => {
    await leaveLock(undefined);
    await utimes(lock, 1_000, 1_000);
    await expect(withLock(lock, () => Promise.resolve("done"))).resolves.toBe("done");

    await leaveLock(undefined);
    // It stays fresh, however long this machine takes.
    const later = Date.now() / 1_000 + 60;
    await utimes(lock, later, later);
    let entered = false;
    const waiting = withLock(lock, () => {
      entered = true;
      return Promise.resolve();
    });
    await sleep(100);
    expect(entered).toBe(false);
    await rm(lock, { recursive: true });
    await waiting;
  });
});
