/** `gaggle guard …` as people use it on a machine that has not joined, without a daemon: the real program and the real rules. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";

const MAIN = join(import.meta.dirname, "../../../../../mesh/cli/main.ts");
const EMAIL = "dana.okafor@example.com";
const IBAN = "DE89370400440532013000";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "gaggle-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

async function guard(args: readonly string[], options: { input?: string | Uint8Array; env?: Record<string, string> } = {}) {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, HOME: folder, GAGGLE_HOME: join(folder, "agent"), GAGGLE_AUTOSTART: "never", ...options.env };
  const child = spawn(process.execPath, [MAIN, "guard", ...args], { env, cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [bytes, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr)]);
  return { code: await code, bytes, stdout: bytes.toString("utf8"), stderr };
}
const RULES = "--rules-only";

describe("gaggle guard detect", { timeout: 60_000 }, () => {
  it("shows what it found in brackets where there are no colours", async () => {
    const { code, stdout } = await guard(["detect", RULES, `Pay ${IBAN} for ${EMAIL}`]);
    expect(code).toBe(0);
    expect(stdout).toBe(`Pay [IBAN: ${IBAN}] for [EMAIL: ${EMAIL}]\nFound: 1 EMAIL, 1 IBAN.\n`);
  });

  it("colours what it found where colours are wanted", async () => {
    const { stdout } = await guard(["detect", RULES, `Mail ${EMAIL}`], { env: { FORCE_COLOR: "1" } });
    expect(stdout).toContain(`\u001b[46m${EMAIL}\u001b[49m`);
    expect(stdout).not.toContain(`[EMAIL:`);
  });

  it("lets nothing in the text move or colour a terminal", async () => {
    const evil = `a\u001b[2J\u009b31m\u202e ${EMAIL}\r\nb\tc\u0007`;
    const { stdout } = await guard(["detect", RULES], { input: evil });
    expect(stdout).toBe(`a\\u001b[2J\\u009b31m\\u202e [EMAIL: ${EMAIL}]\nb\tc\\u0007\nFound: 1 EMAIL.\n`);
  });

  it("gives spans by UTF-16 offsets as JSON, without the values", async () => {
    const { code, stdout } = await guard(["detect", "--json", RULES, `😀 ${EMAIL}`]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      characters: 26,
      entities: [{ start: 3, end: 26, label: "EMAIL", score: expect.any(Number), detector: "rule:email" }],
    });
  });

  it("refuses a binary file with the reason, and a file that is not there", async () => {
    for (const bytes of [
      Uint8Array.of(0x50, 0x4b, 0, 1),
      Uint8Array.of(0x61, 0xff, 0xfe),
      new TextEncoder().encode("ab").slice(0, 2).with(1, 0xc3),
    ]) {
      const refused = await guard(["detect", RULES, "--file", file("binary", bytes)]);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^INVALID_INPUT .*binary is not text in UTF-8/)]);
    }
    const missing = await guard(["detect", RULES, "--file", "missing.txt"]);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("missing.txt")]);
  });

  it("says how to go on where the model is not there", async () => {
    const { code, stderr } = await guard(["detect", "--model", join(folder, "no-model"), "text"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("--rules-only")]);
  });
});

describe("gaggle guard mask and restore", { timeout: 60_000 }, () => {
  it("give back the same bytes, for a text of many parts, with a map that only the user can read", async () => {
    const line = (i: number): string => `\u{feff}Zeile ${i}: ${EMAIL.replace("dana", `d${i}`)}; ${IBAN} ✓ 😀\r\n`;
    const original = Array.from({ length: 4_000 }, (_, i) => line(i)).join("");
    const masked = await guard(["mask", RULES, "--map", "map.json", "--file", file("long.txt", original)]);
    expect([masked.code, masked.stderr]).toEqual([0, expect.stringContaining("gaggle guard restore --map map.json")]);
    expect(masked.stdout).not.toContain("example.com");
    expect(masked.stdout).not.toContain(IBAN);
    expect(statSync(join(folder, "map.json")).mode & 0o777).toBe(0o600);
    const restored = await guard(["restore", "--map", "map.json"], { input: masked.bytes });
    expect(restored.code).toBe(0);
    expect(restored.bytes.equals(Buffer.from(original))).toBe(true);
  });

  it("keep no map unless asked to, and say so", async () => {
    const { code, stdout, stderr } = await guard(["mask", RULES, `Mail ${EMAIL}`]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Mail EMAIL_[0-9A-Z]{10}$/)]);
    expect(stderr).toMatch(/Masked: 1 EMAIL\.\nNo map was kept/);
  });

  it("write over no file, and leave no empty map behind", async () => {
    const taken = file("taken.json", "mine");
    const { code, stderr } = await guard(["mask", RULES, "--map", taken, "x"]);
    expect([code, stderr, readFileSync(taken, "utf8")]).toEqual([1, expect.stringContaining("exists already"), "mine"]);
    const failed = await guard(["mask", RULES, "--map", "never.json"], { input: Uint8Array.of(0) });
    expect([failed.code, existsSync(join(folder, "never.json"))]).toEqual([1, false]);
  });

  it("leave tokens of other maps as they are", async () => {
    const map = file("other.json", JSON.stringify({ v: 1, kind: "gaggle-guard-map", note: "", tokens: { EMAIL_AB12CD34EF: EMAIL } }));
    const { stdout } = await guard(["restore", "--map", map, "EMAIL_AB12CD34EF and EMAIL_ZZ12CD34EF"]);
    expect(stdout).toBe(`${EMAIL} and EMAIL_ZZ12CD34EF`);
  });

  it("refuse a map that is none", async () => {
    const { code, stderr } = await guard(["restore", "--map", file("none.json", "{}"), "x"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^INVALID_INPUT /)]);
  });
});

describe("gaggle guard eval", { timeout: 60_000 }, () => {
  const row = (given: string, value: string, label: string): string =>
    JSON.stringify({ text: given, spans: [{ start: given.indexOf(value), end: given.indexOf(value) + value.length, label }] });
  const rows = [row(`Mail ${EMAIL}.`, EMAIL, "EMAIL_ADDRESS"), row("Dana wrote.", "Dana", "PER")].join("\n");

  it("tells figures as JSON and writes what would be masked", async () => {
    const { code, stdout } = await guard(["eval", "--json", RULES, "--data", file("data.jsonl", rows), "--predictions", "out.jsonl"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 2,
      badRows: [],
      latencyMs: { p50: expect.any(Number), p95: expect.any(Number) },
      scores: {
        characters: 40,
        overall: { gold: 2, leakedCharacters: 4, strict: { precision: 1, recall: 0.5 } },
        labels: { PERSON: { leakRate: 1 } },
      },
    });
    const written = readFileSync(join(folder, "out.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as unknown); // biome-ignore format: one chain
    expect(written).toEqual([
      { text: `Mail ${EMAIL}.`, spans: [{ start: 5, end: 28, label: "EMAIL" }] },
      { text: "Dana wrote.", spans: [] },
    ]);
  });

  it("shows the figures to people, and fails with the lines that it could not read, without their text", async () => {
    const { code, stdout, stderr } = await guard(["eval", RULES, "--data", file("bad.jsonl", `${rows}\nDana's secret\n`)]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/EMAIL +1 +1 +1\.000/);
    expect(stdout).toContain("leak rate 14.81 % (4 of 27 marked characters left visible)");
    expect(stdout).toContain("line 3: The line is not valid JSON.");
    expect(stderr).toContain("1 lines of the data could not be read");
    expect(stdout + stderr).not.toContain("secret");
  });

  it("counts only what the default profile masks in gateway mode, and only the wanted labels", async () => {
    const data = ["eval", "--json", RULES, "--data", file("data2.jsonl", rows), "--labels", "person"];
    const scored = JSON.parse((await guard([...data, "--map", "PER=EMAIL"])).stdout) as { scores: { overall: { gold: number } } };
    expect(scored.scores.overall.gold).toBe(0);
    const gateway = JSON.parse((await guard([...data, "--mode", "gateway"])).stdout) as { scores: { labels: object } };
    expect(Object.keys(gateway.scores.labels)).toEqual(["PERSON"]);
  });
});
