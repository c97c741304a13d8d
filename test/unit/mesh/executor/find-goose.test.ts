import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { findGoose } from "../../../../mesh/executor/find-goose.ts";
import { tempFolder } from "../../../support/temp-home.ts";

/** A file that can be started, at a path below the folder. */
function program(folder: string, ...path: string[]): string {
  const file = join(folder, ...path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, "");
  chmodSync(file, 0o755);
  return file;
}

const SYSTEM = { platform: "linux", arch: "x64" } as const;

describe("finding Goose", () => {
  it("prefers the configured one, then GAGGLE_GOOSE, then PATH, then the npm package", () => {
    const folder = tempFolder();
    const configured = program(folder, "configured");
    const named = program(folder, "named");
    const onPath = program(folder, "bin", "goose");
    const packaged = program(folder, "node_modules", "@aaif", "goose-binary-linux-x64", "bin", "goose");
    writeFileSync(join(packaged, "..", "..", "package.json"), '{"name":"@aaif/goose-binary-linux-x64"}');
    const env = { GAGGLE_GOOSE: named, PATH: ["", join(folder, "empty"), join(folder, "bin")].join(delimiter) };
    expect(findGoose({ configured, env, installDir: folder, ...SYSTEM })).toBe(configured);
    expect(findGoose({ env, installDir: folder, ...SYSTEM })).toBe(named);
    expect(findGoose({ env: { PATH: env.PATH }, installDir: folder, ...SYSTEM })).toBe(onPath);
    expect(findGoose({ env: {}, installDir: folder, ...SYSTEM })).toBe(packaged);
  });

  it("does not fall back to another Goose where one was named", () => {
    const folder = tempFolder();
    program(folder, "bin", "goose");
    const env = { GAGGLE_GOOSE: join(folder, "missing"), PATH: join(folder, "bin") };
    expect(() => findGoose({ env, installDir: folder, ...SYSTEM })).toThrow("GAGGLE_GOOSE");
  });

  it("says how to mend it where there is none; a folder or a file that can't be started is none", () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "a", "goose"), { recursive: true });
    mkdirSync(join(folder, "b"));
    writeFileSync(join(folder, "b", "goose"), "", { mode: 0o600 });
    const env = { PATH: [join(folder, "a"), join(folder, "b")].join(delimiter) };
    expect(() => findGoose({ env, installDir: folder, ...SYSTEM })).toThrow("Install Goose");
  });
});
