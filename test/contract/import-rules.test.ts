import { describe, expect, it } from "vitest";
import { brokenImports } from "../../scripts/check-imports.mjs";

const importOf = (specifier: string): string => `import { thing } from "${specifier}";\n`;

/** One planted break per rule: the file that imports, and what it must not import. */
const BREAKS: readonly (readonly [rule: string, path: string, specifier: string])[] = [
  ["the contract imports nothing of ours", "mesh/contract/ids.ts", "../store/level-store.ts"],
  ["a part of the mesh does not know another's insides", "mesh/session/tasks.ts", "../delivery/outbox.ts"],
  ["within the guard imports point one way", "guard/detect/rules.ts", "../pseudonym/tokens.ts"],
  ["the guard does not know the mesh", "guard/detect/rules.ts", "../../mesh/peer/node.ts"],
  ["an extension knows the contract and the client alone", "extensions/mesh/main.ts", "../../mesh/agent/daemon.ts"],
  ["nobody imports an extension", "mesh/agent/daemon.ts", "../../extensions/mesh/main.ts"],
  ["nobody imports the command line", "mesh/agent/daemon.ts", "../cli/main.ts"],
  ["nobody but a composing program imports the bootstrap node", "mesh/peer/node.ts", "../../bootstrap-node/server.ts"],
  ["no source imports a test", "mesh/peer/node.ts", "../../test/support/machine.ts"],
];

describe("the import rules", () => {
  it.each(BREAKS)("%s", (_, path, specifier) => {
    expect(brokenImports(path, importOf(specifier))).toHaveLength(1);
  });

  it("let a part import the contract, itself and packages", () => {
    const source = ["../contract/ids.ts", "./inbox.ts", "zod", "node:fs"].map(importOf).join("");
    expect(brokenImports("mesh/delivery/outbox.ts", source)).toEqual([]);
  });

  it.each([
    ['import type { Thing } from "../delivery/outbox.ts";'],
    ['export { thing } from "../delivery/outbox.ts";'],
    ['export * from "../delivery/outbox.ts";'],
    ['import "../delivery/outbox.ts";'],
    ['import {\n  one,\n  type Two,\n} from "../delivery/outbox.ts";'],
    ['const lazy = await import("../delivery/outbox.ts");'],
    ['import thing, { other } from "../delivery/outbox.ts";'],
    ['import * as things from "../delivery/outbox.ts";'],
    ['type Thing = import("../delivery/outbox.ts").Thing;'],
  ])("see the import in %s", (source) => {
    expect(brokenImports("mesh/session/tasks.ts", source)).toHaveLength(1);
  });
});
