import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { placeFiles, releaseFiles, type RunFile } from "../../../../mesh/executor/run-files.ts";

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "gaggle-run-files-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const file = (name: string, content: string): RunFile => ({
  name,
  mediaType: "text/csv",
  bytes: content.length,
  copyTo: async (path) => writeFileSync(path, content, { flag: "wx" }),
});

test("files of a run lie read-only in a folder of their own, under names that no two share", async () => {
  const cwd = folder();
  const placed = await placeFiles(cwd, [file("Q3.csv", "a"), file("q3.CSV", "bb"), file("../../.ssh", "ccc")]);
  expect(placed.map(({ path, bytes }) => [path, bytes])).toEqual([
    ["files/Q3.csv", 1],
    ["files/q3 (2).CSV", 2],
    ["files/_.._.ssh", 3],
  ]);
  expect(readFileSync(join(cwd, "files", "q3 (2).CSV"), "utf8")).toBe("bb");
  expect(readdirSync(cwd)).toEqual(["files"]);
  for (const { path } of placed) expect(statSync(join(cwd, path)).mode & 0o777).toBe(0o400);
  expect(statSync(join(cwd, "files")).mode & 0o777).toBe(0o500);
  await releaseFiles(cwd);
  rmSync(cwd, { recursive: true });
  expect(existsSync(cwd)).toBe(false);
});

test("a run without files has no such folder, and its working folder can be released all the same", async () => {
  const cwd = folder();
  expect(await placeFiles(cwd, [])).toEqual([]);
  await releaseFiles(cwd);
  expect(readdirSync(cwd)).toEqual([]);
});
