import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { eventHash } from "../../../../mesh/audit/event-text.ts";
import { EXPORT_TYP } from "../../../../mesh/audit/export-format.ts";
import { writeExport } from "../../../../mesh/audit/export.ts";
import { signHead } from "../../../../mesh/audit/head.ts";
import { entryLeaf, signLogHead } from "../../../../mesh/audit/receipt.ts";
import { verifyExport } from "../../../../mesh/audit/verify.ts";
import type { BundleManifest } from "../../../../mesh/contract/bundle.ts";
import { canonicalJson, sha256Hex } from "../../../../mesh/contract/json.ts";
import { signJws, unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import { createTestMember, FIXTURE_TIME_MS, makeExport } from "../../../support/audit-fixture.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

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

test("a line that is nested without end is a problem of that line, and no failure of the verifier", async () => {
  const bomb = `{"kind":"event","event":${"[".repeat(50_000)}${"]".repeat(50_000)}}\n`;
  expect(await verify(made.lines.with(3, bomb))).toMatchObject({ ok: false });
  expect(await first(made.lines.with(3, bomb))).toEqual(await first(made.lines.with(3, "nonsense\n")));
});

test("without a pinned fingerprint the verdict names the root and says that it was not compared", async () => {
  expect(await verifyExport(made.lines)).toMatchObject({ ok: true, pinned: false, rootFingerprint: made.rootFingerprint });
});

describe("a chain that begins later than its first event", () => {
  const DAY_MS = 86_400_000;
  const pruned = async (days: number, manifest?: Partial<BundleManifest>) => {
    const options = { pruned: [2], anchorMs: FIXTURE_TIME_MS - days * DAY_MS };
    const { lines, rootFingerprint } = await makeExport(12, [5], manifest === undefined ? options : { ...options, manifest });
    return verifyExport(lines, { rootFingerprint, nowMs: FIXTURE_TIME_MS });
  };
  const early = { ok: false, problems: [{ code: "PRUNED_EARLY", message: expect.stringContaining("up to 2") }] };

  test("verifies where the agent signed that end as long ago as events are to be kept, and not where a node forgot earlier", async () => {
    expect(await pruned(90)).toMatchObject({ ok: true, agents: [{ pruned: { seq: 2 } }] });
    expect(await pruned(89)).toMatchObject(early);
    expect(await pruned(0)).toMatchObject(early);
  });

  test("verifies by an older manifest with fewer days, for what was older than those while it counted, and for nothing later", async () => {
    const expiresAt = new Date(FIXTURE_TIME_MS - 10 * DAY_MS).toISOString();
    expect(await pruned(41, { retentionDays: 30, expiresAt })).toMatchObject({ ok: true });
    expect(await pruned(39, { retentionDays: 30, expiresAt })).toMatchObject(early);
  });

  test("does not verify by an export that its node has postdated", async () => {
    const { lines, rootFingerprint } = await makeExport(12, [5]);
    const problems = [{ code: "STATEMENT_INVALID" }];
    expect(await verifyExport(lines, { rootFingerprint, nowMs: FIXTURE_TIME_MS - 3_600_000 })).toMatchObject({ ok: false, problems });
  });
});

describe("a chain with a gap", () => {
  const lost = { from: 3, to: 4 };
  const gapIn = (lines: readonly string[]): number => lines.findIndex((line) => kindOf(line) === "gap");

  test("verifies where the agent signed its end long enough ago and the node's receipt leads there; the verdict says exactly what is missing", async () => {
    const { lines, rootFingerprint } = await makeExport(13, [6, 1], { lost });
    const verdict = await verifyExport(lines, { rootFingerprint });
    const signedAt = new Date(FIXTURE_TIME_MS - 90 * 86_400_000).toISOString();
    expect(verdict).toMatchObject({
      ok: true,
      agents: [{ events: 4, lost: [{ ...lost, signedAt, receiptedAt: signedAt }] }, { events: 1 }],
    });
  });

  test("does not verify where the events are not old enough to be forgotten, or nobody accounts for the gap", async () => {
    const fresh = await makeExport(13, [6, 1], { lost, anchorMs: FIXTURE_TIME_MS });
    expect((await verifyExport(fresh.lines, { rootFingerprint: fresh.rootFingerprint })).problems).toMatchObject([
      { code: "PRUNED_EARLY" },
    ]);
    const { lines, rootFingerprint } = await makeExport(13, [6, 1], { lost });
    const codes = async (altered: readonly string[]) => (await verifyExport(altered, { rootFingerprint })).problems.map(({ code }) => code);
    const gap = JSON.parse(lines[gapIn(lines)] ?? "{}");
    const written = (change: object): string[] => lines.with(gapIn(lines), `${canonicalJson({ ...gap, ...change })}\n`);
    expect(await codes(lines.toSpliced(gapIn(lines), 1))).toContain("EVENT_GAP");
    // A receipt for another end; a head that is not the agent's; a receipt that no issuer signed.
    for (const change of [{ hash: "0".repeat(64) }, { anchor: gap.log }, { log: gap.anchor }])
      expect(await codes(written(change))).toContain("GAP_INVALID");
  });

  test("does not verify where the chain after it is another than the node had a receipt for", async () => {
    const { lines, rootFingerprint, org } = await makeExport(13, [6, 1], { lost });
    const gap = JSON.parse(lines[gapIn(lines)] ?? "{}");
    const end = { agentId: gap.agentId, seq: gap.seq, hash: "1".repeat(64) };
    const log = signLogHead({ v: 1, org: org.org, size: 1, root: entryLeaf(end), ts: new Date(FIXTURE_TIME_MS).toISOString() }, org.issuer);
    const altered = lines.with(gapIn(lines), `${canonicalJson({ ...gap, ...end, log })}\n`);
    expect((await verifyExport(altered, { rootFingerprint })).problems[0]).toMatchObject({ code: "GAP_INVALID", seq: 6 });
  });
});

test("a flipped bit is found on its line (every eleventh byte, all bits in turn)", async () => {
  const { lines, rootFingerprint } = await makeExport(15, [1, 1]);
  const bytes = Buffer.from(lines.join(""));
  for (let offset = 0; offset < bytes.length; offset += 11) {
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

  test("can't drop an agent's last event together with its head and receipt: the statement shows it", async () => {
    const head = made.lines.findIndex((line) => kindOf(line) === "head");
    const lines = renumber(made.lines.filter((_, i) => i !== head - 1 && i !== head && i !== head + 1));
    expect(await first(lines)).toMatchObject({ code: "HEAD_MISSING", agent: made.agents[0]?.agentId, seq: 5 });
  });

  test("can't drop a whole agent", async () => {
    const gone = made.agents[1]?.agentId ?? "";
    const lines = renumber(made.lines.filter((line) => !line.includes(gone) && !(kindOf(line) === "head" && line === made.lines.at(-3))));
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
    const { org, agents, log } = made;
    const input = { org: org.org, nowMs: FIXTURE_TIME_MS, manifests: [org.manifestJws], log, agents, signer: other.org.issuer };
    for await (const line of writeExport(input)) lines.push(line);
    expect(await first(lines)).toMatchObject({ line: lines.length, code: "STATEMENT_INVALID" });
  });
});

test("a credential by an issuer that no manifest names any more is left out: the export verifies, and the agent's subject is not proven", async () => {
  const { org, log } = made;
  const before = await makeExport(16);
  const [stale = ""] = before.agents[0]?.credentials ?? [];
  const [first, second] = made.agents;
  if (first === undefined || second === undefined) throw new Error("two agents expected");
  const input = { org: org.org, nowMs: FIXTURE_TIME_MS, manifests: [org.manifestJws], log, signer: org.issuer };
  const lines: string[] = [];
  for await (const line of writeExport({ ...input, agents: [{ ...first, credentials: [stale] }, second] })) lines.push(line);
  const verdict = await verify(lines);
  expect(verdict).toMatchObject({ ok: true });
  expect(verdict.agents.map(({ subject }) => subject)).toEqual([undefined, "marketing.1"]);
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

const anyTampering = (lines: number): fc.Arbitrary<Tampering> =>
  fc.oneof(
    fc.record({ kind: fc.constant("flip" as const), at: fc.nat(lines - 1), byte: fc.nat(), bit: fc.nat(7) }),
    fc.record({ kind: fc.constantFrom("drop" as const, "repeat" as const), at: fc.nat(lines - 1) }),
    fc.record({ kind: fc.constant("insert" as const), at: fc.nat(lines - 1), text: fc.string({ maxLength: 60 }) }),
  );

/** 1,000 tamperings, half of the whole export of three agents, half of one that is filtered and pruned. */
const TAMPERED = [
  ["whole", [8, 8, 8], {}],
  ["filtered and pruned", [8, 8, 8], { filter: { action: "message" }, pruned: [0, 3, 5] }],
] as const;

test.each(TAMPERED)(
  "500 random tamperings of an export that is %s are all found, at their line",
  async (_name, counts, options) => {
    const { lines, rootFingerprint } = await makeExport(14, counts, options);
    const bytes = lines.map((line) => Buffer.from(line));
    const tampered = fc.asyncProperty(anyTampering(lines.length), async (act) => {
      const { ok, problems } = await verifyExport(tamper(bytes, act), { rootFingerprint });
      expect(ok).toBe(false);
      expect(problems[0]?.line).toBe(act.at + (act.kind === "repeat" ? 2 : 1));
    });
    await fc.assert(tampered, { seed: 2026, numRuns: 500 });
  },
  60_000,
);

describe("an export that is filtered and pruned", () => {
  const FILTERED = { filter: { action: "message" }, pruned: [0, 1] };
  let part: Awaited<ReturnType<typeof makeExport>>;
  beforeAll(async () => {
    part = await makeExport(11, [5, 4], FILTERED);
  });
  const renumber = (lines: readonly string[]) => lines.map((line, i) => `${canonicalJson({ ...JSON.parse(line), n: i + 1 })}\n`);
  /** The export without its signature over the whole, as the node itself could sign it anew. */
  const signedAnew = async (lines: readonly string[]): Promise<string[]> => {
    const before = renumber(lines.slice(0, -1));
    const said = unverifiedPayloadOf(JSON.parse(lines.at(-1) ?? "").jws) as object;
    const payload = { ...said, lines: before.length, sha256: sha256Hex(before.join("")) };
    const jws = signJws({ typ: EXPORT_TYP, payload, signer: part.org.issuer });
    return [...before, `${canonicalJson({ kind: "statement", jws, n: before.length + 1 })}\n`];
  };
  const at = (kind: string, nth = 0): number => part.lines.flatMap((line, i) => (kindOf(line) === kind ? [i] : []))[nth] ?? -1;

  test("verifies; the verdict says what was left out and what was pruned", async () => {
    const verdict = await verifyExport(part.lines, { rootFingerprint: part.rootFingerprint });
    expect(verdict).toMatchObject({ ok: true, events: 4, filter: { action: "message" }, log: { size: 2 } });
    expect(verdict.agents.map(({ events, stubs, pruned, receipted }) => [events, stubs, pruned?.seq, receipted])).toEqual([
      [3, 2, undefined, true],
      [1, 2, 1, true],
    ]);
  });

  test("shows a missing stub, also the last one, and one whose hash was made up, although the node signs the whole anew", async () => {
    expect(await verify(await signedAnew(part.lines))).toMatchObject({ ok: true });
    const last = at("head", 1) - 1;
    expect(kindOf(part.lines[last])).toBe("stub");
    expect(await first(await signedAnew(part.lines.toSpliced(last, 1)))).toMatchObject({ code: "HEAD_MISMATCH", line: last + 1 });
    expect(await first(await signedAnew(part.lines.toSpliced(at("stub"), 1)))).toMatchObject({ code: "EVENT_GAP", line: at("stub") + 1 });
    const stub = JSON.parse(part.lines[at("stub")] ?? "");
    const made = { ...stub, body: "a".repeat(64), hash: sha256Hex(`${"b".repeat(64)}${"a".repeat(64)}`) };
    expect(await first(await signedAnew(part.lines.with(at("stub"), `${canonicalJson(made)}\n`)))).toMatchObject({ code: "EVENT_ALTERED" });
  });

  test("shows that events were left out where the node signs that all are there", async () => {
    const lines = part.lines.slice(0, -1);
    const { filter: _, ...said } = unverifiedPayloadOf(JSON.parse(part.lines.at(-1) ?? "").jws) as Record<string, unknown>;
    const jws = signJws({ typ: EXPORT_TYP, payload: said, signer: part.org.issuer });
    const hidden = [...lines, `${canonicalJson({ kind: "statement", jws, n: lines.length + 1 })}\n`];
    expect(await first(hidden)).toMatchObject({ code: "STATEMENT_MISMATCH", line: hidden.length });
  });

  test("shows an event that the node made up, with a right hash, in place of one it hides", async () => {
    const line = JSON.parse(part.lines[at("event")] ?? "");
    const forged = { ...line.event, result: "ok", target: "task:forged" };
    const lines = part.lines.with(at("event"), `${canonicalJson({ ...line, event: { ...forged, hash: eventHash(forged) } })}\n`);
    const following = at("event") + 1;
    expect(kindOf(lines[following])).toBe("stub");
    expect(await first(await signedAnew(lines))).toMatchObject({ code: "EVENT_ALTERED", line: following + 1 });
  });

  test("shows an anchor of another agent, and one that is left out", async () => {
    const anchor = at("anchor");
    const other = canonicalJson({ ...JSON.parse(part.lines[anchor] ?? ""), agentId: part.agents[0]?.agentId });
    expect(await first(await signedAnew(part.lines.with(anchor, `${other}\n`)))).toMatchObject({
      code: "ANCHOR_INVALID",
      line: anchor + 1,
    });
    expect(await first(await signedAnew(part.lines.toSpliced(anchor, 1)))).toMatchObject({ code: "EVENT_GAP", line: anchor + 1 });
  });

  test("shows an anchor that comes a second time, where it would hide the events since", async () => {
    const line = part.lines[at("anchor")] ?? "";
    const later = at("head", 1);
    expect(await first(await signedAnew(part.lines.toSpliced(later, 0, line)))).toMatchObject({ code: "ANCHOR_INVALID", line: later + 1 });
  });

  test("shows a receipt for another place in the node's log, and a log that no issuer signed", async () => {
    const receipt = at("receipt");
    const moved = canonicalJson({ ...JSON.parse(part.lines[receipt] ?? ""), index: 1 });
    expect(await first(await signedAnew(part.lines.with(receipt, `${moved}\n`)))).toMatchObject({
      code: "RECEIPT_INVALID",
      line: receipt + 1,
    });
    const other = await makeExport(12, [5, 4]);
    const foreign = other.lines.find((line) => kindOf(line) === "log") ?? "";
    expect(await first(await signedAnew(part.lines.with(at("log"), foreign)))).toMatchObject({ code: "LOG_INVALID", line: at("log") + 1 });
  });
});

test("a chain that began under version 1 goes on under version 2, verifies, and has no stubs for its old events", async () => {
  const { org, agents } = made;
  const [agent] = agents;
  if (agent === undefined) throw new Error("an agent expected");
  const member = createTestMember(org, createSeededRandom(99), { subject: "fiona.berg", role: "finance" });
  const { agentId } = member.principal;
  let previous = "0".repeat(64);
  const chain = agent.events.map((event, i) => {
    const linked = { ...event, agentId, v: i < 3 ? (1 as const) : (2 as const), hashPrev: previous };
    previous = eventHash(linked);
    return { ...linked, hash: previous };
  });
  const head = signHead(
    { v: 1, org: org.org, agentId, seq: 5, hash: previous, ts: new Date(FIXTURE_TIME_MS).toISOString() },
    member.signer,
  );
  const input = { org: org.org, nowMs: FIXTURE_TIME_MS, manifests: [org.manifestJws], signer: org.issuer, filter: { action: "none" } };
  const lines: string[] = [];
  for await (const line of writeExport({ ...input, agents: [{ agentId, credentials: [], events: chain, head }] })) lines.push(line);
  const verdict = await verify(lines);
  expect(verdict).toMatchObject({ ok: true });
  expect(verdict.agents[0]).toMatchObject({ events: 3, stubs: 2 });
});
