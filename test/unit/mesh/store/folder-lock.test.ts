import { existsSync } from "node:fs";
import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFolderLock } from "../../../../mesh/store/folder-lock.ts";
import { tempFolder } from "../../../support/temp-home.ts";

describe("the lock of a folder", () => {
  it("lets one at a time read, change and write", async () => {
    const dir = tempFolder();
    const path = join(dir, "count");
    await writeFile(path, "0");
    const add = () => withFolderLock(dir, async () => writeFile(path, String(Number(await readFile(path, "utf8")) + 1)));
    await Promise.all(Array.from({ length: 8 }, add));
    expect(await readFile(path, "utf8")).toBe("8");
  });

  it("is free again after work that failed", async () => {
    const dir = tempFolder();
    await expect(withFolderLock(dir, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await withFolderLock(dir, async () => "yes", { waitMs: 0 })).toBe("yes");
  });

  it("says so where somebody else is not done in time", async () => {
    const dir = tempFolder();
    const second = withFolderLock(dir, () => withFolderLock(dir, async () => "in", { waitMs: 0 }));
    await expect(second).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("is made anew where half of one was left, as by a full disk", async () => {
    const dir = tempFolder();
    await withFolderLock(dir, async () => undefined);
    await truncate(join(dir, ".lock", "CURRENT"));
    expect(await withFolderLock(dir, async () => "done")).toBe("done");
  });

  it("makes no folder that is not there", async () => {
    const dir = join(tempFolder(), "nowhere");
    expect(await withFolderLock(dir, async () => "done")).toBe("done");
    expect(existsSync(dir)).toBe(false);
  });
});
