import { describe, expect, it } from "vitest";
import { completed, missingEntries } from "../../../scripts/complete-lockfile.mjs";

const tool = (version: string, dev = true) => ({
  version,
  dev,
  optionalDependencies: { "@tool/cli-linux-x64": version, "@tool/cli-linux-x64-musl": version, "@tool/cli-darwin-arm64": version },
});

describe("missingEntries", () => {
  it("finds the packages for other systems, with the systems that their names say", () => {
    const packages = { "node_modules/tool": tool("1.0.0"), "node_modules/@tool/cli-linux-x64": { version: "1.0.0" } };
    expect(missingEntries({ packages })).toEqual({
      "node_modules/@tool/cli-linux-x64-musl": { version: "1.0.0", cpu: ["x64"], libc: ["musl"], os: ["linux"], dev: true, optional: true },
      "node_modules/@tool/cli-darwin-arm64": { version: "1.0.0", cpu: ["arm64"], os: ["darwin"], dev: true, optional: true },
    });
  });

  it("puts another version beside the package that asks for it", () => {
    const packages = { "node_modules/tool": tool("2.0.0", false), "node_modules/host/node_modules/tool": tool("1.0.0", false) };
    const places = Object.entries(missingEntries({ packages })).map(([place, { version }]) => `${version} ${place}`);
    expect(places).toContain("2.0.0 node_modules/@tool/cli-darwin-arm64");
    expect(places).toContain("1.0.0 node_modules/host/node_modules/@tool/cli-darwin-arm64");
    expect(places).toHaveLength(6);
  });

  it("finds nothing in a lockfile that it has completed", () => {
    const lockfile = completed({
      packages: { "": {}, "node_modules/tool": tool("1.0.0"), "node_modules/host/node_modules/tool": tool("2.0.0") },
    });
    expect(missingEntries(lockfile)).toEqual({});
  });

  it("asks for a hand where a name does not say its system", () => {
    const packages = { "node_modules/tool": { version: "1.0.0", optionalDependencies: { "tool-extra": "1.0.0" } } };
    expect(() => missingEntries({ packages })).toThrow(/tool-extra.*by hand/);
  });
});
