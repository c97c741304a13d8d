/** The programs that npm's scripts run with arguments of their own: `--help`, and wrong words and values. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createProgram, decimal, whole } from "../support/program.ts";

const ROOT = join(import.meta.dirname, "../..");
const programs = [...readFileSync(join(ROOT, "scripts/launch.mjs"), "utf8").matchAll(/\["(test\/[^"]+\.ts)"\]/g)].map(
  ([, path = ""]) => path,
);

async function run(path: string, args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(ROOT, path), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [code, stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

describe("a program of npm's scripts", () => {
  it("reads its words by the one reader that knows --help and says what is wrong", () => {
    expect(programs).toHaveLength(8);
    for (const path of programs)
      expect([path, readFileSync(join(ROOT, path), "utf8")]).toEqual([path, expect.stringMatching(/createProgram\(\s*"npm run /)]);
  });

  it("helps, and ends with 2 and one line before it has begun where a word or a value is wrong", async () => {
    const lines = [["--help"], ["--nonsense"], ["--count", "many"]];
    const [help, ...wrong] = await Promise.all(lines.map((args) => run("test/sim/main.ts", args)));
    expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: npm run sim -- [\s\S]*--seed <n>/), stderr: "" });
    expect(wrong.map(({ code, stdout, stderr }) => [code, stdout, stderr.split("\n")[0]])).toEqual([
      [2, "", "error: unknown option '--nonsense'"],
      [2, "", "error: option '--count <n>' argument 'many' is invalid. It is a whole number from 1 on."],
    ]);
  });
});

describe("a number on a command line", () => {
  const read = (of: (text: string) => number, value: string): number =>
    createProgram("x", "y").option("--n <n>", "", of).parse(["--n", value], { from: "user" }).opts<{ n: number }>().n;

  it("is read where it is one and inside its bounds", () => {
    expect(["0", "7", "10"].map((value) => read(whole(0, 10), value))).toEqual([0, 7, 10]);
    expect(["0.5", "3"].map((value) => read(decimal(0), value))).toEqual([0.5, 3]);
  });

  it.each(["", " ", "x", "-1", "11", "1e1", "0x1", "1.5", "NaN", "Infinity", "99999999999999999999"])("is not %j", (value) => {
    expect(() => whole(0, 10)(value)).toThrow("It is a whole number from 0 to 10.");
  });
});
