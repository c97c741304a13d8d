import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { writeExport } from "../../../../mesh/audit/export.ts";
import { verifyExport } from "../../../../mesh/audit/verify.ts";
import { canonicalJson } from "../../../../mesh/contract/json.ts";
import { FIXTURE_TIME_MS, makeExport } from "../../../support/audit-fixture.ts";

let made: Awaited<ReturnType<typeof makeExport>>;
beforeAll(async () => {
  made = await makeExport(11);
});

const verify = (lines: readonly (string | Uint8Array)[]) => verifyExport(lines, { rootFingerprint: made.rootFingerprint });
const first = async (lines: readonly string[]) => (await verify(lines)).problems[0];
const kindOf = (line: string | undefined): string => JSON.parse(line ?? "{}").kind;
const without = (index: number): string[] => made.lines.filter((_, i) => i !== index);

test("an export as written verifies, in whatever pieces it arrives", async () => {
  const bytes = Buffer.from(made.lines.join(""));
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
  for (const source of [made.lines, [bytes], pieces]) {
    const verdict = await verify(source);
    expect(verdict).toMatchObject({ ok: true, events: 9, problems: [], org: made.org.org, pinned: true });
    expect(verdict.agents.map(({ subject, role, events }) => [subject, role, events])).toEqual([
      ["finance.0", "finance", 5],
      ["marketing.1", "marketing", 4],
    ]);
  }
});

test("without a pinned fingerprint the verdict names the root and says that it was not compared", async () => {
  expect(await verifyExport(made.lines)).toMatchObject({ ok: true, pinned: false, rootFingerprint: made.rootFingerprint });
});

test("a flipped bit is found on its line (every fifth byte, all bits in turn)", async () => {
  const { lines, rootFingerprint } = await makeExport(15, [1, 1]);
  const bytes = Buffer.from(lines.join(""));
  for (let offset = 0; offset < bytes.length; offset += 5) {
    const flipped = Buffer.from(bytes);
    flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 8));
    const { ok, problems } = await verifyExport([flipped], { rootFingerprint });
    expect(ok, `offset ${offset}`).toBe(false);
    const line = bytes.subarray(0, offset).filter((byte) => byte === 10).length + 1;
    expect(problems[0]?.line, `offset ${offset}: ${problems[0]?.code}`).toBe(line);
  }
}, 60_000);

test("any dropped line is found at its place", async () => {
  for (let i = 0; i < made.lines.length; i++) {
    const problem = await first(without(i));
    expect(problem?.line, `line ${i + 1}`).toBe(i + 1);
    expect(problem?.code).toBe(i === made.lines.length - 1 ? "STATEMENT_MISSING" : "LINE_MISSING");
  }
});

test("any two swapped lines are found at the first of them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(made.lines.length - 1), fc.nat(made.lines.length - 1), async (a, b) => {
      fc.pre(a < b);
      const lines = [...made.lines];
      [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
      expect((await first(lines))?.line).toBe(a + 1);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test("a repeated line, and an inserted one, are found where they are", async () => {
  for (let i = 0; i < made.lines.length; i++) {
    const line = made.lines[i] ?? "";
    expect((await first(made.lines.toSpliced(i + 1, 0, line)))?.line, `repeat ${i + 1}`).toBe(i + 2);
    expect((await first(made.lines.toSpliced(i, 0, "{}\n")))?.line, `insert ${i + 1}`).toBe(i + 1);
    expect((await first(made.lines.toSpliced(i, 0, "\n")))?.line, `empty ${i + 1}`).toBe(i + 1);
  }
});

describe("a forger who renumbers the lines", () => {
  const renumber = (lines: readonly string[]) => lines.map((line, i) => `${canonicalJson({ ...JSON.parse(line), n: i + 1 })}\n`);

  test("can't drop an event in the middle", async () => {
    const index = made.lines.findIndex((line) => kindOf(line) === "event") + 1;
    expect(await first(renumber(without(index)))).toMatchObject({ line: index + 1, code: "EVENT_GAP", seq: 3 });
  });

  test("can't drop an agent's last event: the agent's own head shows it", async () => {
    const index = made.lines.findIndex((line) => kindOf(line) === "head") - 1;
    expect(await first(renumber(without(index)))).toMatchObject({ line: index + 1, code: "HEAD_MISMATCH", seq: 5 });
  });

  test("can't drop an agent's last event together with its head: the statement shows it", async () => {
    const head = made.lines.findIndex((line) => kindOf(line) === "head");
    const lines = renumber(made.lines.filter((_, i) => i !== head && i !== head - 1));
    expect(await first(lines)).toMatchObject({ code: "HEAD_MISSING", agent: made.agents[0]?.agentId, seq: 5 });
  });

  test("can't drop a whole agent", async () => {
    const gone = made.agents[1]?.agentId ?? "";
    const lines = renumber(made.lines.filter((line) => !line.includes(gone) && !(kindOf(line) === "head" && line === made.lines.at(-2))));
    expect(await first(lines)).toMatchObject({ code: "AGENT_MISSING", agent: gone, seq: 4 });
  });

  test("can't alter a line without touching the signed running hash", async () => {
    const credential = made.lines.findIndex((line) => kindOf(line) === "credential");
    expect(await first(renumber(without(credential)))).toMatchObject({ line: made.lines.length - 1, code: "STATEMENT_MISMATCH" });
  });

  test("can't put events before the manifest, where nothing would say of which organisation they must be", async () => {
    const [manifest = "", ...rest] = made.lines;
    const event = rest.findIndex((line) => kindOf(line) === "event");
    const lines = renumber(rest.toSpliced(event + 1, 0, manifest).slice(event));
    expect(await first(lines)).toMatchObject({ line: 1, code: "EVENT_FOREIGN", seq: 1 });
  });

  test("can't make an export under another root when the fingerprint is pinned", async () => {
    const other = await makeExport(12);
    expect(await first(other.lines)).toMatchObject({ line: 1, code: "ROOT_MISMATCH" });
  });

  test("can't sign the statement with a key that no manifest names", async () => {
    const other = await makeExport(13);
    const lines: string[] = [];
    const { org, agents } = made;
    const input = { org: org.org, nowMs: FIXTURE_TIME_MS, manifests: [org.manifestJws], agents, signer: other.org.issuer };
    for await (const line of writeExport(input)) lines.push(line);
    expect(await first(lines)).toMatchObject({ line: lines.length, code: "STATEMENT_INVALID" });
  });
});

test("another spelling of the same JSON is not accepted", async () => {
  const lines = made.lines.with(2, (made.lines[2] ?? "").replace('{"', '{ "'));
  expect(await first(lines)).toMatchObject({ line: 3, code: "LINE_NOT_CANONICAL" });
});

test("an empty file, and one that ends in the middle of a line, are found", async () => {
  expect(await first([])).toMatchObject({ line: 1, code: "STATEMENT_MISSING" });
  const cut = made.lines.with(-1, (made.lines.at(-1) ?? "").slice(0, -1));
  expect(await first(cut)).toMatchObject({ line: made.lines.length, code: "LINE_MALFORMED" });
});

type Tampering =
  | { kind: "flip"; at: number; byte: number; bit: number }
  | { kind: "drop" | "repeat"; at: number }
  | { kind: "insert"; at: number; text: string };

function tamper(lines: readonly Buffer[], act: Tampering): Buffer[] {
  const line = lines[act.at] ?? Buffer.alloc(0);
  if (act.kind === "insert") return lines.toSpliced(act.at, 0, Buffer.from(`${act.text.replaceAll("\n", " ")}\n`));
  if (act.kind !== "flip") return act.kind === "drop" ? lines.toSpliced(act.at, 1) : lines.toSpliced(act.at + 1, 0, line);
  const copy = Buffer.from(line);
  const at = act.byte % copy.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << act.bit);
  return lines.with(act.at, copy);
}

test("1,000 random tamperings of a larger export are all found, at their line", async () => {
  const { lines, rootFingerprint } = await makeExport(14, [20, 20, 20]);
  const bytes = lines.map((line) => Buffer.from(line));
  const anyLine = fc.nat(lines.length - 1);
  const tampering = fc.oneof(
    fc.record({ kind: fc.constant("flip" as const), at: anyLine, byte: fc.nat(), bit: fc.nat(7) }),
    fc.record({ kind: fc.constantFrom("drop" as const, "repeat" as const), at: anyLine }),
    fc.record({ kind: fc.constant("insert" as const), at: anyLine, text: fc.string({ maxLength: 60 }) }),
  );
  await fc.assert(
    fc.asyncProperty(tampering, async (act) => {
      const altered = tamper(bytes, act);
      const { ok, problems } = await verifyExport(altered, { rootFingerprint });
      expect(ok).toBe(false);
      expect(problems[0]?.line).toBe(act.at + (act.kind === "repeat" ? 2 : 1));
    }),
    { seed: 2026, numRuns: 1_000 },
  );
}, 60_000);
