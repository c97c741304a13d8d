import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const OXLINT = join(ROOT, "node_modules/oxlint/bin/oxlint");

/** Files that the linter must report, and the rule that must do so. */
const BREAKS: readonly (readonly [rule: string, files: Readonly<Record<string, string>>])[] = [
  ["no-floating-promises", { "a.ts": "export const start = (work: () => Promise<void>): void => {\n  work();\n};\n" }],
  ["no-explicit-any", { "a.ts": "export const read = (value: any): string => String(value);\n" }],
  ["no-empty", { "a.ts": "export const run = (work: () => void): void => {\n  try {\n    work();\n  } catch {}\n};\n" }],
  ["ban-ts-comment", { "a.ts": '// @ts-ignore\nexport const one: number = "1";\n' }],
  ["no-non-null-assertion", { "a.ts": "export const first = (list: readonly string[]): string => list[0]!;\n" }],
  [
    "no-cycle",
    {
      "a.ts": 'import { two } from "./b.ts";\nexport const one = (): number => two() - 1;\n',
      "b.ts": 'import { one } from "./a.ts";\nexport const two = (): number => one() + 1;\n',
    },
  ],
];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gaggle-lint-"));
  for (const file of [".oxlintrc.json", "tsconfig.json", "package.json"]) await cp(join(ROOT, file), join(folder, file));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs the linter as the gate does, over the files given; the exit code and all it printed. */
const lint = async (files: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> => {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return new Promise((resolve) => {
    execFile(process.execPath, [OXLINT, "--type-aware", "--deny-warnings"], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, output: `${stdout}${stderr}` });
    });
  });
};

describe("the linter", () => {
  it.each(BREAKS)("reports a planted break of %s", async (rule, files) => {
    const { code, output } = await lint(files);
    expect(output).toContain(rule);
    expect(code).toBe(1);
  });

  it("has nothing to say about a sound file", async () => {
    const { code, output } = await lint({
      "a.ts": "export const start = async (work: () => Promise<void>): Promise<void> => {\n  await work();\n};\n",
    });
    expect(output).toContain("0 errors");
    expect(code).toBe(0);
  });
});
