import { cp, mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLevelStore } from "../../../../mesh/store/level-store.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "gaggle-level-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test("a second opening of the same folder is refused with CONFLICT", async () => {
  const store = await openLevelStore(dir);
  await expect(openLevelStore(dir)).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("Another daemon owns this home"),
  });
  await store.close();
});

test("the folder can be read by its owner alone", async ({ skip }) => {
  if (process.platform === "win32") return skip("Windows has no mode bits");
  const store = await openLevelStore(path.join(dir, "store"));
  expect((await stat(path.join(dir, "store"))).mode & 0o777).toBe(0o700);
  await store.close();
});

test("a folder that can't hold a database is refused with STORE_FAILED", async () => {
  await writeFile(path.join(dir, "CURRENT"), "no such manifest\n");
  await expect(openLevelStore(dir)).rejects.toMatchObject({ code: "STORE_FAILED" });
});

test("a log that was torn at any byte opens with a prefix of the batches", async () => {
  const store = await openLevelStore(dir);
  for (let i = 0; i < 20; i++) {
    const ops = [`a/${i}`, `b/${i}`].map((key) => ({ type: "put" as const, key, value: "x".repeat(100) }));
    await store.batch(ops, { sync: true });
  }
  await store.close();
  const log = (await readdir(dir)).find((name) => name.endsWith(".log"));
  const file = path.join(dir, log ?? "");
  const { size } = await stat(file);
  let last = 20;
  for (let cut = size - 7; cut > 0; cut -= 331) {
    await truncate(file, cut);
    // LevelDB rewrites its files when it opens; the copy keeps the torn log for the next cut.
    const copy = await mkdtemp(path.join(tmpdir(), "gaggle-torn-"));
    await cp(dir, copy, { recursive: true });
    const torn = await openLevelStore(copy);
    const count = (await torn.range({ gte: "a/", lt: "a/~" })).length;
    expect((await torn.range({ gte: "b/", lt: "b/~" })).length).toBe(count);
    for (let i = 0; i < count; i++) expect(torn.get(`a/${i}`)).toBeDefined();
    expect(count).toBeLessThanOrEqual(last);
    last = count;
    await torn.close();
    await rm(copy, { recursive: true });
  }
  expect(last).toBeLessThan(3);
});

test("a write that the disk refuses is STORE_FAILED and closes the store; what was synced before is there after reopening", async ({
  skip,
}) => {
  if (process.platform === "win32") return skip("Windows has no file size limit per process");
  const script = path.join(import.meta.dirname, "../../../support/fill-store-process.ts");
  // 256 blocks of 1 KiB: the log can't grow beyond, as on a full disk.
  const { stdout } = await promisify(execFile)("bash", ["-c", 'ulimit -f 256; exec "$0" "$@"', process.execPath, script, dir]);
  const { written, write, read, writeAgain } = JSON.parse(stdout) as Record<string, unknown>;
  expect({ write, read, writeAgain }).toEqual({ write: "STORE_FAILED", read: "STORE_FAILED", writeAgain: "STORE_FAILED" });
  const store = await openLevelStore(dir);
  const kept = await store.range({ gte: "k/", lt: "k/~" });
  expect(written).toBeGreaterThan(10);
  expect(kept.length).toBeGreaterThanOrEqual(Number(written));
  await store.close();
});
