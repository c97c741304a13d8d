/** The month-end close as a user runs it: two demos at once, each with five daemons, a bootstrap node and the real Goose. */
import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { calculateJwkThumbprint, type JWK } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyExport } from "../../mesh/audit/verify.ts";
import type { SpanDraft } from "../../mesh/telemetry/span-draft.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { auditEvents, auditLines, evidence, expectClosed, jsonLines, reportOf, rootOf, verifyAudit } from "../support/close-evidence.ts";
import {
  type DemoRun,
  type Ended,
  PROGRAM,
  runProgram,
  startDemo,
  startDemoAgain,
  workplace,
  type Workplace,
} from "../support/demo-run.ts";
import { leaksIn, type PersonalKind, personalDataOf } from "../support/personal-data.ts";

/** Longer than the wait for one demo, which says what it saw. */
const TWO_CLOSES_MS = 330_000;

let plain: { work: Workplace; run: DemoRun; ended: Ended };
let json: { work: Workplace; run: DemoRun; ended: Ended };
/** Ended also where one of them did not get through. */
const begun: { work: Workplace; run: DemoRun }[] = [];

/** With the spans of its daemons in files. */
const traced = (work: Workplace): Workplace => ({ ...work, env: { ...work.env, GAGGLE_TRACES: "file" } });

beforeAll(async () => {
  if (!existsSync(PROGRAM)) throw new Error("dist/ is missing: run npm run build first.");
  const works = [workplace(), traced(workplace())] as const;
  const runs = [startDemo(works[0]), startDemo(works[1], ["--json"])] as const;
  begun.push({ work: works[0], run: runs[0] }, { work: works[1], run: runs[1] });
  const [first, second] = await Promise.all(runs.map((run) => run.ended()));
  plain = { work: works[0], run: runs[0], ended: first as Ended };
  json = { work: works[1], run: runs[1], ended: second as Ended };
}, TWO_CLOSES_MS);

afterAll(async () => {
  for (const { work, run } of begun) {
    await run[Symbol.asyncDispose]();
    work[Symbol.dispose]();
  }
});

describe("the close", () => {
  it("ends well, also where another runs at the same time, and its report is what the books lead to", async () => {
    await expectClosed(plain.work, plain.ended);
    await expectClosed(json.work, json.ended);
    expect(rootOf(plain.work.dir)).not.toBe(rootOf(json.work.dir));
  });

  it("leaves no process behind", async () => {
    expect(await plain.run.processes()).toEqual([]);
    expect(await json.run.processes()).toEqual([]);
  });

  it("shows the report's figures in report.md and on the page", () => {
    const { dir } = plain.work;
    const { accruals, reconciliation, approval, entries, postingId } = reportOf(dir);
    for (const file of ["report.md", "index.html"]) {
      const text = evidence(dir, file);
      for (const { source } of accruals) expect(text).toContain(source);
      for (const { reference } of reconciliation.differences) expect(text).toContain(reference);
      for (const { id } of entries) expect(text).toContain(id);
      for (const value of [postingId, approval.approver.subject, approval.payloadHash]) expect(text).toContain(value);
      const digits = text.replaceAll(/[,\u00a0\u202f]/g, "");
      for (const { amount } of accruals) expect(digits).toContain(amount);
    }
  });

  it("has a timeline whose every line is a step, in the file as on the screen", () => {
    const steps = jsonLines(evidence(plain.work.dir, "timeline.jsonl"));
    for (const step of steps) expect(step).toMatchObject({ at: expect.any(String), atMs: expect.any(Number), text: expect.any(String) });
    for (const { text } of steps) expect(plain.ended.stdout).toContain(text);
    const kinds = steps.map(({ kind }) => kind);
    const count = (kind: string): number => kinds.filter((one) => one === kind).length;
    expect({ sent: count("task-sent"), started: count("run-start"), finished: count("run-finish") }).toEqual({
      sent: 3,
      started: 3,
      finished: 3,
    });
    for (const kind of ["approval-asked", "approval-received", "approval-decided", "approval-accepted", "posted"])
      expect(count(kind)).toBe(1);
  });

  it("speaks one JSON document with --json", () => {
    const { dir } = json.work;
    expect(JSON.parse(json.ended.stdout)).toMatchObject({ status: "posted", dir, audit: { ok: true, events: auditEvents(dir).length } });
    expect(json.ended.stderr).toBe("");
  });
});

describe("the approval in the report", () => {
  it("is signed by the rostered key of the signed bundle, over the payload, by another person than who asked", async () => {
    const { dir } = plain.work;
    const { approval } = reportOf(dir);
    const manifest = await verifiedManifest(auditLines(dir, "manifest")[0]?.jws ?? "", rootOf(dir));
    const { header, claims } = partsOf(approval.signature);
    const approvers = (manifest["roster"] as { approvers: { subject: string; key: JWK }[] }).approvers;
    const keys = await Promise.all(approvers.map(async ({ key, subject }) => ({ key, subject, kid: await calculateJwkThumbprint(key) })));
    const signer = keys.find(({ kid }) => kid === header["kid"]);
    expect(signer?.subject).toBe(approval.approver.subject);
    expect(isSigned(approval.signature, signer?.key ?? {})).toBe(true);
    expect(claims).toMatchObject({ payloadHash: approval.payloadHash, decision: "approved", approver: { subject: signer?.subject } });
    const requester = subjectsIn(dir).get(String(claims["requester"]));
    expect(requester).toBe("fiona.berg");
    expect(requester).not.toBe(signer?.subject);
  });

  it("counts for nothing where a character of it is another", () => {
    const { approval } = reportOf(plain.work.dir);
    const key = JSON.parse(evidence(plain.work.dir, "agents/edward.lindqvist/keys/approval.json")) as { public: JWK };
    const own = key.public;
    expect(isSigned(approval.signature, own)).toBe(true);
    const [head = "", body = "", signature = ""] = approval.signature.split(".");
    const other = body.replace(/^(.{40})(.)/, (_, before: string, char: string) => `${before}${char === "A" ? "B" : "A"}`);
    expect(isSigned([head, other, signature].join("."), own)).toBe(false);
  });
});

/** Header and payload of a compact JWS, unchecked. */
function partsOf(jws: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header = "", claims = ""] = jws.split(".");
  const decode = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as Record<string, unknown>;
  return { header: decode(header), claims: decode(claims) };
}

/** Ed25519 over `header.payload`, by Node alone. */
function isSigned(jws: string, jwk: JWK): boolean {
  const [header = "", claims = "", signature = ""] = jws.split(".");
  const key = createPublicKey({ key: jwk, format: "jwk" });
  return verifySignature(null, Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"));
}

/** The manifest, proven against the root's fingerprint. */
async function verifiedManifest(jws: string, root: string): Promise<Record<string, unknown>> {
  const { claims } = partsOf(jws);
  const key = claims["root"] as JWK;
  expect(await calculateJwkThumbprint(key)).toBe(root);
  expect(isSigned(jws, key)).toBe(true);
  return claims;
}

/** Who each agent is. */
const subjectsIn = (dir: string): Map<string, string> =>
  new Map(
    readdirSync(join(dir, "agents")).map((subject) => {
      const { agentId } = JSON.parse(evidence(dir, `agents/${subject}/config.json`)) as { agentId: string };
      return [agentId, subject];
    }),
  );

/** A text with every character as an escape of JSON, without quotes. */
const escaped = (text: string): string => Array.from(text, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");

describe("what the model's side got", () => {
  const lines = (): string[] => evidence(plain.work.dir, "model-requests.jsonl").trimEnd().split("\n");

  it("holds no e-mail address, IBAN, phone, card, national id or person's name of the books", () => {
    const values = personalDataOf(join(plain.work.dir, "input"));
    const kinds = Object.groupBy(values, ({ kind }) => kind);
    const enough = { email: 40, iban: 40, phone: 40, card: 5, "national id": 40, name: 55, "part of a name": 80 };
    for (const [kind, least] of Object.entries(enough)) expect(kinds[kind as PersonalKind]?.length).toBeGreaterThanOrEqual(least);
    expect(lines().length).toBeGreaterThanOrEqual(15);
    expect(leaksIn(lines(), values)).toEqual([]);
    expect(leaksIn(evidence(json.work.dir, "model-requests.jsonl").trimEnd().split("\n"), values)).toEqual([]);
  });

  it("would be found out in every encoding: the search finds each planted value", () => {
    const values = personalDataOf(join(plain.work.dir, "input"));
    const [line = ""] = lines();
    const kinds: PersonalKind[] = ["email", "iban", "phone", "card", "national id"];
    for (const kind of kinds) {
      const value = values.find((one) => one.kind === kind)?.value ?? "";
      const plants: readonly (string | undefined)[] = [
        JSON.stringify(`before ${value} after`),
        `"${escaped(value)}"`,
        JSON.stringify(value.toLowerCase()),
        JSON.stringify(value.replaceAll(/[\s-]/g, "")),
        JSON.stringify(value.replaceAll(/\s/g, "-")),
        JSON.stringify(JSON.stringify({ deep: JSON.stringify([value]) })),
        JSON.stringify(`cut JSON: {"a":"${escaped(value)}", "b`),
        JSON.stringify({ [value]: 1 }),
      ];
      for (const plant of plants) {
        const planted = `{"planted":${plant},${line.slice(1)}`;
        // An address may hold its owner's name as well.
        const found = leaksIn([line, planted], values);
        expect({ plant, found }).toEqual({ plant, found: expect.arrayContaining([{ line: 2, kind }]) as unknown });
        expect(found.some((leak) => leak.line === 1)).toBe(false);
      }
    }
  });

  it("would be found out for every name: in full, as a login, turned round, in part, in capitals, without its marks, escaped", () => {
    const values = personalDataOf(join(plain.work.dir, "input"));
    const found = (plant: string): string[] => leaksIn([`{"planted":"${plant}"}`], values).map(({ kind }) => kind);
    for (const { value } of values.filter(({ kind }) => kind === "name")) {
      const login = value.toLowerCase().replaceAll(" ", ".");
      const plants = [`ask ${value}.`, `{\\"subject\\":\\"${login}\\"}`, `/agents/${login}/runs`, value.toUpperCase(), escaped(value)];
      for (const plant of plants)
        expect({ plant, found: found(plant) }).toEqual({ plant, found: expect.arrayContaining(["name"]) as unknown });
    }
    const parts = values.filter(({ kind }) => kind === "part of a name").map(({ value }) => value);
    for (const part of parts)
      for (const plant of [`Dear ${part},`, `${part.toUpperCase()}'s order`, escaped(part)])
        expect({ plant, found: found(plant) }).toEqual({ plant, found: ["part of a name"] });
    expect(found("NYSTRÖM, Gunilla")).toEqual(["part of a name"]);
    expect(found("a tour of the destiny, la de da")).toEqual([]);
  });
});

describe("the audit export", () => {
  const file = (): string => join(plain.work.dir, "audit.ndjson");
  const exported = (): string[] => readFileSync(file(), "utf8").split(/(?<=\n)/);

  it("verifies, also against the root that the admin knows, and not against another", async () => {
    const own = await verifyAudit(plain.work, file());
    expect(own).toMatchObject({ code: 0, stdout: expect.stringContaining(rootOf(plain.work.dir)) });
    expect((await verifyAudit(plain.work, file(), rootOf(plain.work.dir))).code).toBe(0);
    const other = await verifyAudit(plain.work, file(), rootOf(json.work.dir));
    expect(other).toMatchObject({ code: 1, stdout: expect.stringContaining("root key"), stderr: expect.stringContaining("AUDIT_BROKEN") });
  });

  it("is read the same way by the verifier in Python (left out where there is no python3)", ({ skip }) => {
    try {
      execFileSync("python3", ["--version"], { stdio: "ignore" });
    } catch {
      skip("there is no python3");
    }
    const script = join(import.meta.dirname, "..", "support", "verify_audit.py");
    const verdict = JSON.parse(execFileSync("python3", [script, file()], { encoding: "utf8" })) as object;
    expect(verdict).toMatchObject({ ok: true, problem: null });
  });

  it("shows any altered byte, and in which line", async () => {
    const bytes = readFileSync(file());
    const random = createSeededRandom(2026);
    for (let i = 0; i < 80; i += 1) {
      const position = Math.floor(random.next() * bytes.length);
      const altered = Buffer.from(bytes);
      altered[position] = (altered[position] ?? 0) ^ (1 + Math.floor(random.next() * 255));
      const line = bytes.subarray(0, position).toString("latin1").split("\n").length;
      const verdict = await verifyExport([altered], { rootFingerprint: rootOf(plain.work.dir) });
      expect({ position, ok: verdict.ok, line: verdict.problems[0]?.line }).toEqual({ position, ok: false, line });
    }
  });

  it("shows a dropped, swapped, inserted or repeated line and a missing end, by the command's exit code and words", async () => {
    const lines = exported();
    const events = lines.flatMap((line, index) => (line.includes('"kind":"event"') ? [index] : []));
    const at = events[Math.floor(events.length / 2)] ?? 0;
    const [line = "", next = ""] = [lines[at], lines[at + 1]];
    const foreign = exportedOf(json.work.dir).find((one) => one.includes('"kind":"event"')) ?? "";
    const altered: Readonly<Record<string, { lines: string[]; found: number }>> = {
      dropped: { lines: lines.toSpliced(at, 1), found: at + 1 },
      swapped: { lines: lines.toSpliced(at, 2, next, line), found: at + 1 },
      inserted: { lines: lines.toSpliced(at, 0, foreign), found: at + 1 },
      repeated: { lines: lines.toSpliced(at, 0, line), found: at + 2 },
      cut: { lines: lines.slice(0, -1), found: lines.length },
      emptied: { lines: [], found: 1 },
    };
    const folder = join(plain.work.dir, "altered");
    mkdirSync(folder);
    for (const [name, { lines: text, found }] of Object.entries(altered)) {
      const target = join(folder, name);
      writeFileSync(target, text.join(""));
      const { code, stdout } = await verifyAudit(plain.work, target);
      expect({ name, code, first: /line (\d+):/.exec(stdout)?.[1] }).toEqual({ name, code: 1, first: String(found) });
    }
  });
});

const exportedOf = (dir: string): string[] => evidence(dir, "audit.ndjson").split(/(?<=\n)/);

describe("the close run again in the same folder", () => {
  it(
    "posts nothing twice and asks no department to work again",
    async () => {
      const { work } = plain;
      const before = {
        report: reportOf(work.dir),
        posting: hashOf(work, "books/finance/close/2026-10/posting.json"),
        events: auditEvents(work.dir),
      };
      await using run = startDemoAgain(work);
      const report = await expectClosed(work, await run.ended());
      expect(report).toEqual(before.report);
      expect(hashOf(work, "books/finance/close/2026-10/posting.json")).toBe(before.posting);
      const after = auditEvents(work.dir);
      const count = (events: typeof after, action: string): number => events.filter((event) => event.action === action).length;
      expect(count(after, "daemon.start")).toBe(count(before.events, "daemon.start") + 5);
      for (const action of ["task.create", "run.start", "approval.request", "approval.decide", "message.send"])
        expect({ action, count: count(after, action) }).toEqual({ action, count: count(before.events, action) });
      expect(after).toEqual(expect.arrayContaining(before.events));
    },
    TWO_CLOSES_MS,
  );
});

const hashOf = ({ dir }: Workplace, file: string): string => createHash("sha256").update(evidence(dir, file)).digest("hex");

describe("the demo refuses", () => {
  const refusal = async (work: Workplace, args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram(["demo", "--dir", work.dir, ...args], work);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    return stderr;
  };

  it("a model that it has no server for, and names the variables", async () => {
    using work = workplace();
    expect(await refusal(work, ["--model", "some-model"])).toMatch(/INVALID_INPUT.*OPENAI_API_KEY.*OLLAMA_HOST/);
    expect(existsSync(work.dir)).toBe(false);
  });

  it("a folder that is not a demo's, and leaves it as it is", async () => {
    using work = workplace();
    mkdirSync(work.dir);
    writeFileSync(join(work.dir, "thesis.txt"), "the only copy");
    expect(await refusal(work, [])).toMatch(/CONFLICT.*--dir/);
    expect(await refusal(work, ["--again"])).toMatch(/NOT_FOUND.*--again/);
    expect(readdirSync(work.dir)).toEqual(["thesis.txt"]);
    expect(readFileSync(join(work.dir, "thesis.txt"), "utf8")).toBe("the only copy");
  });

  it("a month that the books don't have, and names those they have", async () => {
    using work = workplace();
    for (const period of ["1999-01", "2026-13", "October"])
      expect(await refusal(work, ["--period", period])).toMatch(/INVALID_INPUT.*2026-10/);
    expect(existsSync(work.dir)).toBe(false);
  });

  it("to go on where there was no demo", async () => {
    using work = workplace();
    expect(await refusal(work, ["--again"])).toMatch(/NOT_FOUND.*--again/);
    expect(existsSync(work.dir)).toBe(false);
  });
});

describe("the command line", () => {
  it.each([
    [["nonsense"], /unknown command/],
    [["demo", "--nonsense"], /unknown option/],
    [["bootstrap", "--port", "high"], /INVALID_INPUT.*65535/],
    [["audit", "verify", "/nowhere/at-all.ndjson"], /at-all\.ndjson|NOT_FOUND/],
    [["join", "not-a-link"], /INVITATION_INVALID/],
    [["status"], /NOT_JOINED.*gaggle join/],
  ])("says what is wrong with %j and ends with 1", async (args, expected) => {
    using work = workplace();
    const { code, stderr } = await runProgram(args, work, { GAGGLE_HOME: join(work.dir, "home") });
    expect({ code, said: expected.test(stderr) ? "" : stderr }).toEqual({ code: 1, said: "" });
  });
});

describe("what is traced of it", () => {
  const files = (): string[] =>
    readdirSync(json.work.dir, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(join("logs", "traces.ndjson")));
  const spans = (): (SpanDraft & { line: string })[] =>
    files().flatMap((file) =>
      evidence(json.work.dir, file)
        .trimEnd()
        .split("\n")
        .map((line) => ({ ...(JSON.parse(line) as SpanDraft), line })),
    );

  it("is one trace from finance's chat over guard, model, tools and mesh to the runs of the other departments", () => {
    expect(files()).toHaveLength(5);
    const root = spans().find(
      ({ name, traceId }) => name === "goose.session" && spans().some((one) => one.traceId === traceId && one.name === "task.run"),
    );
    const trace = spans().filter(({ traceId }) => traceId === root?.traceId);
    const names = new Set(trace.map(({ name }) => name));
    for (const name of [
      "guard.request",
      "guard.detect",
      "model.call",
      "tool.decision",
      "message.send",
      "message.deliver",
      "message.receive",
      "task.run",
      "approval",
    ])
      expect([...names]).toContain(name);
    expect(new Set(trace.map(({ attributes }) => attributes["gaggle.agent"]).filter((id) => id !== undefined)).size).toBe(5);
    const ids = new Set(trace.map(({ spanId }) => spanId));
    expect(trace.filter(({ parentId }) => parentId !== undefined && !ids.has(parentId)).map(({ name }) => name)).toEqual([]);
    expect(trace.filter(({ parentId }) => parentId === undefined).map(({ name }) => name)).toEqual(["goose.session"]);
  });

  it("holds no name, address or number of the books", () => {
    const lines = spans().map(({ line }) => line);
    expect(lines.length).toBeGreaterThan(100);
    expect(leaksIn(lines, personalDataOf(join(json.work.dir, "input")))).toEqual([]);
    for (const person of ["fiona", "marco", "elena", "hanna", "edward"])
      expect(lines.filter((line) => line.toLowerCase().includes(person))).toEqual([]);
  });
});
