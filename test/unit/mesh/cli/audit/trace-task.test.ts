import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CSV_NOTE, toCsv } from "../../../../../mesh/audit/export-csv.ts";
import { writeExport } from "../../../../../mesh/audit/export.ts";
import { createTraceCollector } from "../../../../../mesh/audit/trace.ts";
import type { AuditDraft, AuditFilter } from "../../../../../mesh/contract/audit.ts";
import { filterOf } from "../../../../../mesh/cli/audit/export-file.ts";
import { traceTask } from "../../../../../mesh/cli/audit/trace-task.ts";
import { createTestMember, createTestOrg, FIXTURE_TIME_MS, makeAgentExport } from "../../../../support/audit-fixture.ts";
import { captureOutput } from "../../../../support/captured-output.ts";
import { createSeededRandom } from "../../../../support/seeded-random.ts";

const TASK = "01930000-0000-7000-8000-000000000001";
const OTHER = "01930000-0000-7000-8000-000000000002";
const [REQUEST, RESULT, LOST, DENIED] = ["11", "12", "13", "14"].map((n) => `01930000-0000-7000-8000-0000000000${n}`);
const random = createSeededRandom(51);
const org = createTestOrg(random);
const fiona = createTestMember(org, random, { subject: "fiona.berg", role: "finance" });
const marco = createTestMember(org, random, { subject: "marco.diaz", role: "marketing" });

const said = (member: typeof fiona, action: string, target: string, more: Partial<AuditDraft> = {}): AuditDraft => ({
  actor: { type: "agent", id: member.principal.agentId, role: member.principal.role },
  action,
  target,
  result: "ok",
  traceId: "a".repeat(32),
  ...more,
});
const message = (to: typeof fiona, policy: string) => ({
  details: {
    type: "task.request",
    to: to.principal.agentId,
    toSubject: to.principal.subject,
    ref: TASK,
    policy,
    rules: "finance-asks",
    policyHash: "ab12cd34",
  },
});
const received = {
  details: {
    type: "task.request",
    from: fiona.principal.agentId,
    fromSubject: "fiona.berg",
    ref: TASK,
    policy: "allow",
    rules: "marketing-takes",
  },
};

const FIONA: AuditDraft[] = [
  said(fiona, "daemon.start", "agent:x", { traceId: "b".repeat(32) }),
  said(fiona, "task.create", `task:${TASK}`, { details: { toSubject: "marco.diaz", skill: "accruals" } }),
  said(fiona, "message.send", `envelope:${REQUEST}`, message(marco, "allow")),
  said(fiona, "task.create", `task:${OTHER}`),
  said(fiona, "model.call", "model:local", { details: { model: "own chat" } }),
  said(fiona, "message.deliver", `envelope:${REQUEST}`, { details: { ref: TASK } }),
  said(fiona, "message.send", `envelope:${DENIED}`, { ...message(marco, "deny"), result: "denied" }),
];
const MARCO: AuditDraft[] = [
  said(marco, "message.receive", `envelope:${REQUEST}`, received),
  said(marco, "run.start", `run:${TASK}`),
  said(marco, "model.call", "model:local", { details: { model: "run's call" }, cost: { tokens: 12, usd: "0.5" } }),
  said(marco, "message.send", `envelope:01930000-0000-7000-8000-000000000099`, { details: { ref: OTHER } }),
  said(marco, "run.finish", `run:${TASK}`),
  said(marco, "model.call", "model:local", { details: { model: "later call" } }),
  said(marco, "message.send", `envelope:${RESULT}`, { details: { ...message(fiona, "allow").details, type: "task.result" } }),
  said(marco, "message.receive", `envelope:${LOST}`, received),
];

let dir: string;
let lines: string[];
const exported = async (filter?: AuditFilter): Promise<string[]> => {
  const agents = await Promise.all([makeAgentExport(org, fiona, random, FIONA), makeAgentExport(org, marco, random, MARCO)]);
  const made: string[] = [];
  const input = { org: org.org, nowMs: FIXTURE_TIME_MS, manifests: [org.manifestJws], agents, signer: org.issuer, filter };
  for await (const line of writeExport(input)) made.push(line);
  return made;
};
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "gaggle-trace-"));
  lines = await exported();
});
afterAll(() => rm(dir, { recursive: true }));

const told = async (content: readonly string[], json = false): Promise<string> => {
  const file = join(dir, "export.ndjson");
  await writeFile(file, content.join(""));
  const { out, text } = captureOutput(json);
  await traceTask({ out, home: dir } as Parameters<typeof traceTask>[0], { file, root: org.rootFingerprint }, TASK);
  return text();
};

describe("a task's trace", () => {
  test("says who did what, when and why, and puts both ends of a message side by side", async () => {
    const text = await told(lines);
    expect(text).toContain("fiona.berg (finance) created the task");
    const at = text.indexOf(`fiona.berg (finance) → marco.diaz (marketing): task.request  envelope ${REQUEST}`);
    const block = text.slice(at).split("\n").slice(0, 4);
    expect(at).toBeGreaterThan(0);
    expect(block[1]).toMatch(/sender +\S+ +allowed by finance-asks, policy ab12cd34/);
    expect(block[2]).toMatch(/receiver +\S+ +allowed by marketing-takes/);
    expect(block[3]).toMatch(/then +\S+ +deliver/);
  });

  test("says where the other end of a message is missing, whichever it is, and expects none of one that policy stopped", async () => {
    const below = (text: string, envelope: string | undefined): string[] =>
      text
        .slice(text.indexOf(`envelope ${envelope}`))
        .split("\n")
        .slice(1, 3);
    const text = await told(lines);
    expect(below(text, RESULT)[0]).toContain("allowed");
    expect(below(text, RESULT)[1]).toMatch(/receiver +no record here/);
    expect(below(text, LOST)[0]).toMatch(/sender +no record here/);
    expect(below(text, LOST)[1]).toContain("allowed by marketing-takes");
    expect(below(text, DENIED)[0]).toMatch(/sender +\S+ +denied by finance-asks/);
    expect(below(text, DENIED)[1] ?? "").not.toContain("receiver");
  });

  test("has what the task's run did, and nothing of other tasks or of later chats in the same trace", async () => {
    const text = await told(lines);
    expect(text).toContain("run's call");
    expect(text).toContain("12 tokens, 0.5 USD");
    for (const foreign of ["own chat", "later call", OTHER, "daemon.start", "000000000099"]) expect(text).not.toContain(foreign);
  });

  test("is the same from an export that the node filtered to the task", async () => {
    expect(await told(await exported({ task: TASK }))).toBe(await told(lines));
  });

  test("is not told from an export that does not verify, nor of a task that nothing is said of", async () => {
    const altered = lines.map((line) => line.replace("accruals", "payrolls"));
    await expect(told(altered)).rejects.toThrow(expect.objectContaining({ code: "AUDIT_BROKEN" }));
    await expect(told(await exported({ task: OTHER, action: "none" }))).rejects.toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  });

  test("can't be told in another way than it was by names that a rogue agent gave to details, classes or hashes", async () => {
    const turned = "\u202e\n2026-11-02 ok";
    const hostile = said(marco, "task.state", `task:${TASK}`, {
      details: { [turned]: "x", taskId: TASK },
      redactions: [{ class: turned, count: 1 }],
    });
    const sent = said(marco, "message.send", `envelope:${REQUEST}`, {
      details: { ref: TASK, policy: "allow", policyHash: turned, type: turned },
    });
    const agents = [await makeAgentExport(org, marco, random, [hostile, sent])];
    const made: string[] = [];
    for await (const line of writeExport({
      org: org.org,
      nowMs: FIXTURE_TIME_MS,
      manifests: [org.manifestJws],
      agents,
      signer: org.issuer,
    }))
      made.push(line);
    const text = await told(made);
    expect(text).toContain("\\u202e\\u000a2026-11-02 ok");
    expect(text).not.toContain("\u202e");
    expect(text.split("\n").filter((line) => line.startsWith("2026-11-02 ok"))).toEqual([]);
  });

  test("of one that was asked of several people names the tasks of each, and nothing that is no id", async () => {
    const part = "01930000-0000-7000-8000-000000000021";
    const group = { details: { toSubject: "marco.diaz", group: TASK } };
    const drafts = [
      said(fiona, "task.create", `task:${part}`, group),
      said(fiona, "task.route", `task:${TASK}`, { details: { chosen: "marco.diaz", agents: 1 } }),
      said(fiona, "task.create", "task:$(reboot)", group),
    ];
    const made: string[] = [];
    const input = { org: org.org, nowMs: FIXTURE_TIME_MS, manifests: [org.manifestJws], signer: org.issuer, filter: { task: TASK } };
    for await (const line of writeExport({ ...input, agents: [await makeAgentExport(org, fiona, random, drafts)] })) made.push(line);
    const text = await told(made);
    expect(text).toContain("chose whom to ask");
    expect(text.split("\n").filter((line) => line.startsWith("  gaggle audit trace"))).toEqual([`  gaggle audit trace ${part}`]);
  });

  test("gives programs the events themselves", async () => {
    const { story, people } = JSON.parse(await told(lines, true)) as { story: { envelope?: string }[]; people: Record<string, object> };
    expect(people[fiona.principal.agentId]).toEqual({ subject: "fiona.berg", role: "finance" });
    expect(story.find(({ envelope }) => envelope === REQUEST)).toMatchObject({
      send: { action: "message.send" },
      receive: { action: "message.receive", agentId: marco.principal.agentId },
      ends: [{ action: "message.deliver" }],
    });
  });

  test("keeps each agent's own order also where its clock went back", () => {
    const collector = createTraceCollector(TASK);
    const event = JSON.parse(lines.find((line) => line.includes("task.create")) ?? "{}").event;
    for (const [seq, ts] of [
      [1, "2026-10-31T10:00:00.000Z"],
      [2, "2026-10-31T09:00:00.000Z"],
    ] as const)
      collector.take(`{"event":${JSON.stringify({ ...event, seq, ts })},"kind":"event","n":1}`);
    expect(collector.trace().story.map((part) => (part.kind === "step" ? part.event.seq : 0))).toEqual([1, 2]);
  });
});

describe("a CSV export", () => {
  const csv = async (input: readonly string[]): Promise<string[]> => {
    const parts: string[] = [];
    for await (const part of toCsv(input)) parts.push(part);
    return parts.join("").split("\r\n");
  };

  test("says in its first line that it can't be verified by itself, then has a row for each event", async () => {
    const rows = await csv(lines);
    expect(rows[0]).toBe(CSV_NOTE);
    expect(rows[1]).toMatch(/^agentId,seq,ts,actorType,actorId,actorRole,action,target,result,tokens,usd,/);
    expect(rows.length).toBe(2 + FIONA.length + MARCO.length + 1);
    expect(rows[3]).toContain('"{""skill"":""accruals"",""toSubject"":""marco.diaz""}"');
  });

  test("lets no cell be a formula", async () => {
    const event = JSON.parse(lines.find((line) => line.includes("task.create")) ?? "{}").event;
    const [, , row] = await csv([`{"event":${JSON.stringify({ ...event, target: "=HYPERLINK(0)" })},"kind":"event","n":1}`]);
    expect(row).toContain(",'=HYPERLINK(0),");
  });
});

test("the filter takes days and times, and refuses what is none", () => {
  expect(filterOf({ from: "2026-10-31", action: "message" })).toEqual({ from: "2026-10-31T00:00:00.000Z", action: "message" });
  for (const wrong of [{ from: "soon" }, { action: "Send!" }, { task: "1" }, { agent: "me" }])
    expect(() => filterOf(wrong)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
});
