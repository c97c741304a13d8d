import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventHash } from "../../../../mesh/audit/chain.ts";
import { verifyExport } from "../../../../mesh/audit/verify.ts";
import { canonicalJson } from "../../../../mesh/contract/json.ts";
import { makeExport } from "../../../support/audit-fixture.ts";

const DOCS = path.join(import.meta.dirname, "../../../../docs");
const SCRIPT = path.join(import.meta.dirname, "../../../support/verify_audit.py");

describe("docs/audit-format.md", () => {
  test("its example file is what the code writes, and verifies", async () => {
    const { lines, rootFingerprint } = await makeExport(2026, [2, 1]);
    await expect(lines.join("")).toMatchFileSnapshot(path.join(DOCS, "audit-format-example.ndjson"));
    expect(await verifyExport(lines, { rootFingerprint })).toMatchObject({ ok: true, events: 3 });
  });

  test("the values that it names are those of the example", async () => {
    const { lines, rootFingerprint } = await makeExport(2026, [2, 1]);
    const page = await readFile(path.join(DOCS, "audit-format.md"), "utf8");
    const { event } = JSON.parse(lines.find((line) => line.includes('"kind":"event"')) ?? "{}");
    const { hash, ...body } = event;
    expect(hash).toBe(eventHash(event));
    for (const value of [canonicalJson(body), hash, rootFingerprint]) expect(page).toContain(value);
  });
});

const hasPython = (): boolean => {
  try {
    execFileSync("python3", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(!hasPython())("an independent verifier in Python, written from the page alone (skipped where there is no python3)", () => {
  let dir: string;
  let lines: string[];
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "gaggle-python-"));
    ({ lines } = await makeExport(3, [4, 3]));
  });
  afterAll(() => rm(dir, { recursive: true }));

  const verdictOf = async (altered: readonly string[]): Promise<{ ok: boolean; agents: number; problems: { line: number }[] }> => {
    const file = path.join(dir, "export.ndjson");
    await writeFile(file, altered.join(""));
    const { stdout } = await promisify(execFile)("python3", [SCRIPT, file]).catch((error: { stdout: string }) => error);
    return JSON.parse(stdout);
  };

  test("accepts what the code writes", async () => {
    expect(await verdictOf(lines)).toEqual({ ok: true, agents: 2, problems: [] });
  });

  test("finds an altered event, a dropped, a swapped and a repeated line where they are", async () => {
    const at = lines.findIndex((line) => line.includes('"kind":"event"')) + 1;
    const altered = lines.with(at, (lines[at] ?? "").replace('"attempts":1', '"attempts":2'));
    expect(altered[at]).not.toBe(lines[at]);
    expect((await verdictOf(altered)).problems[0]?.line).toBe(at + 1);
    expect((await verdictOf(lines.toSpliced(at, 1))).problems[0]?.line).toBe(at + 1);
    expect((await verdictOf(lines.with(at, lines[at + 1] ?? "").with(at + 1, lines[at] ?? ""))).problems[0]?.line).toBe(at + 1);
    expect((await verdictOf(lines.toSpliced(at + 1, 0, lines[at] ?? ""))).problems[0]?.line).toBe(at + 2);
    expect((await verdictOf(lines.slice(0, -1))).problems[0]?.line).toBe(lines.length);
  });
});
