import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { thirdPartyNotices } from "../../../scripts/third-party-notices.mjs";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gaggle-notices-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Puts a package there; the path of a module in it. */
const addPackage = async (name: string, files: Readonly<Record<string, string>>): Promise<string> => {
  const folder = join(root, "node_modules", name);
  await mkdir(join(folder, "lib"), { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  return join(folder, "lib", "index.js");
};

describe("the third-party notices", () => {
  it("hold each bundled package's licence once, of scoped and nested packages too, and nothing of our own", async () => {
    const scoped = await addPackage("@scope/one", {
      "package.json": '{"name":"@scope/one","version":"1.2.3","license":"MIT"}',
      LICENSE: "One's terms",
    });
    const nested = await addPackage("@scope/one/node_modules/two", {
      "package.json": '{"name":"two","version":"4.0.0","license":"ISC"}',
      "license.md": "Two's terms",
      NOTICE: "Two's notice",
    });
    const text = thirdPartyNotices([scoped, scoped.replace("index", "other"), nested, join(root, "mesh/contract/ids.ts")]);
    expect(text.split("One's terms")).toHaveLength(2);
    for (const part of ["@scope/one 1.2.3 (MIT)", "two 4.0.0 (ISC)", "Two's terms", "Two's notice"]) expect(text).toContain(part);
    expect(text).not.toContain("ids.ts");
  });

  it("refuse a package that names no licence", async () => {
    const module = await addPackage("unlicensed", { "package.json": '{"name":"unlicensed","version":"1.0.0"}' });
    expect(() => thirdPartyNotices([module])).toThrow(/unlicensed@1\.0\.0.*names no licence/);
  });
});
