import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventHash } from "../../../../mesh/audit/event-text.ts";
import { verifyExport } from "../../../../mesh/audit/verify.ts";
import type { AuditEvent } from "../../../../mesh/contract/audit.ts";
import { canonicalJson, sha256Hex } from "../../../../mesh/contract/json.ts";
import { FIXTURE_TIME_MS, makeExport } from "../../../support/audit-fixture.ts";

const DOCS = path.join(import.meta.dirname, "../../../../docs");
const SCRIPT = path.join(import.meta.dirname, "../../../support/verify_audit.py");

/** Two agents, one of them pruned, and a filter: every kind of line is in it. */
const EXAMPLE = { pruned: [0, 1], filter: { action: "message" } };

describe("docs/audit-format.md", () => {
  test("its example file is what the code writes, and verifies", async () => {
    const { lines, rootFingerprint } = await makeExport(2026, [4, 3], EXAMPLE);
    await expect(lines.join("")).toMatchFileSnapshot(path.join(DOCS, "audit-format-example.ndjson"));
    expect(await verifyExport(lines, { rootFingerprint })).toMatchObject({ ok: true, events: 3 });
  });

  test("an event has every field of the requirement, and the page says what each is for", async () => {
    const { lines } = await makeExport(2026, [1, 1]);
    const { event } = JSON.parse(lines.find((line) => line.includes('"kind":"event"')) ?? "{}") as { event: AuditEvent };
    const required = ["id", "ts", "tenantId", "actor", "action", "target", "result", "redactions", "cost", "traceId", "hashPrev"];
    expect(Object.keys(event)).toEqual(expect.arrayContaining(required));
    expect(Object.keys(event.actor)).toEqual(["id", "role", "type"]);
    expect(Object.keys(event.cost)).toEqual(["tokens", "usd"]);
    const page = await readFile(path.join(DOCS, "audit-format.md"), "utf8");
    const fields = page.slice(page.indexOf("## An event's fields"), page.indexOf("## The hash rule"));
    for (const field of [...Object.keys(event), ...Object.keys(event.actor)]) expect(fields).toContain(`\`${field}`);
  });

  test("the values that it names are those of the example", async () => {
    const { lines, rootFingerprint } = await makeExport(2026, [4, 3], EXAMPLE);
    const page = await readFile(path.join(DOCS, "audit-format.md"), "utf8");
    const { event } = JSON.parse(lines.find((line) => line.includes('"kind":"event"')) ?? "{}");
    const { hash, hashPrev, ...body } = event;
    expect(hash).toBe(eventHash(event));
    for (const value of [canonicalJson(body), sha256Hex(canonicalJson(body)), hashPrev, hash, rootFingerprint])
      expect(page).toContain(value);
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
  let made: Awaited<ReturnType<typeof makeExport>>;
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "gaggle-python-"));
    made = await makeExport(3, [4, 3], EXAMPLE);
  });
  afterAll(() => rm(dir, { recursive: true }));

  const verdictOf = async (
    altered: readonly string[],
    root = made.rootFingerprint,
  ): Promise<{ ok: boolean; problem: { line: number } | null }> => {
    const file = path.join(dir, `${altered.length}-${sha256Hex(altered.join(""))}.ndjson`);
    await writeFile(file, altered.join(""));
    const { stdout } = await promisify(execFile)("python3", [SCRIPT, file, root]).catch((error: { stdout: string }) => error);
    return JSON.parse(stdout);
  };
  const lineOf = async (altered: readonly string[]): Promise<number | undefined> => (await verdictOf(altered)).problem?.line;

  test("is short", async () => expect((await readFile(SCRIPT, "utf8")).split("\n").length).toBeLessThanOrEqual(151));

  test("accepts what the code writes, signatures included, under the right root alone", async () => {
    expect(await verdictOf(made.lines)).toEqual({ ok: true, problem: null });
    expect(await verdictOf((await makeExport(3, [4, 3])).lines)).toMatchObject({ ok: true });
    expect(await verdictOf(made.lines, "A".repeat(43))).toMatchObject({ ok: false, problem: { line: 1 } });
  }, 60_000);

  test("accepts a gap that the agent and the node's receipt account for, and no other", async () => {
    const lost = await makeExport(3, [6, 1], { lost: { from: 3, to: 4 } });
    const at = lost.lines.findIndex((line) => line.includes('"kind":"gap"'));
    expect(await verdictOf(lost.lines, lost.rootFingerprint)).toEqual({ ok: true, problem: null });
    const gap = JSON.parse(lost.lines[at] ?? "{}") as { hash: string };
    const other = `${canonicalJson({ ...gap, hash: "0".repeat(64) })}\n`;
    expect(await verdictOf(lost.lines.with(at, other), lost.rootFingerprint)).toMatchObject({ ok: false, problem: { line: at + 1 } });
    expect(await verdictOf(lost.lines.toSpliced(at, 1), lost.rootFingerprint)).toMatchObject({ ok: false, problem: { line: at + 1 } });
  }, 60_000);

  test("finds that a chain was pruned sooner than the signed retention says", async () => {
    const early = await makeExport(3, [4, 3], { ...EXAMPLE, anchorMs: FIXTURE_TIME_MS - 89 * 86_400_000 });
    expect(await verdictOf(early.lines, early.rootFingerprint)).toMatchObject({ ok: false, problem: { line: early.lines.length } });
  }, 60_000);

  test("finds a line that is altered, dropped, repeated or swapped with the next, whatever is on it", async () => {
    const { lines } = made;
    expect(new Set(lines.map((line) => JSON.parse(line).kind)).size).toBe(9);
    const first = (kind: string): number => lines.findIndex((line) => JSON.parse(line).kind === kind);
    const flip = (line: string): string => {
      const at = Math.max(line.lastIndexOf(".") + 8, line.lastIndexOf('"hash":"') + 12, line.indexOf('"proof":["') + 12);
      return `${line.slice(0, at)}${line[at] === "a" ? "b" : "a"}${line.slice(at + 1)}`;
    };
    const kinds = ["manifest", "log", "credential", "anchor", "event", "stub", "head", "receipt", "statement"];
    const found = await Promise.all(kinds.map((kind) => lineOf(lines.with(first(kind), flip(lines[first(kind)] ?? "")))));
    expect(found).toEqual(kinds.map((kind) => first(kind) + 1));
    const at = first("stub");
    expect(await lineOf(lines.toSpliced(at, 1))).toBe(at + 1);
    expect(await lineOf(lines.with(at, lines[at + 1] ?? "").with(at + 1, lines[at] ?? ""))).toBe(at + 1);
    expect(await lineOf(lines.toSpliced(at + 1, 0, lines[at] ?? ""))).toBe(at + 2);
    expect(await lineOf(lines.slice(0, -1))).toBe(lines.length);
  }, 60_000);
});
