/** What a close left in its folder, and what must be true of every close, whatever happened while it ran. */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import { type Ended, runProgram, type Workplace } from "./demo-run.ts";
import { compareClose } from "./recompute-close.ts";

/** The parts of `report.json` that tests read. */
export interface Report {
  readonly period: string;
  readonly postingId: string;
  readonly postedAt: string;
  readonly accruals: readonly { readonly department: string; readonly amount: string; readonly source: string }[];
  readonly entries: readonly { readonly id: string; readonly lines: readonly { readonly debit: string; readonly credit: string }[] }[];
  readonly reconciliation: { readonly differences: readonly { readonly reference: string; readonly kind: string }[] };
  readonly approval: { readonly approver: { readonly subject: string }; readonly payloadHash: string; readonly signature: string };
}

/** A file of the close as text. */
export const evidence = (dir: string, file: string): string => readFileSync(join(dir, file), "utf8");
/** The report. */
export const reportOf = (dir: string): Report => JSON.parse(evidence(dir, "report.json")) as Report;
/** Fingerprint of the organisation's root key, as the admin's folder has it. */
export const rootOf = (dir: string): string => (JSON.parse(evidence(dir, "org/org.json")) as { rootFingerprint: string }).rootFingerprint;

/** Lines of the audit export of one kind. */
export function auditLines(dir: string, kind: "manifest" | "credential"): { readonly jws: string }[] {
  return jsonLines(evidence(dir, "audit.ndjson")).filter((line) => line["kind"] === kind) as unknown as { jws: string }[];
}

/** Every event of the export. */
export function auditEvents(dir: string): AuditEvent[] {
  return jsonLines(evidence(dir, "audit.ndjson")).flatMap((line) => (line["kind"] === "event" ? [line["event"] as AuditEvent] : []));
}

/** The objects of a file of JSON lines; throws where one is none. */
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Runs `gaggle audit verify` on a file. */
export const verifyAudit = (work: Workplace, file: string, root?: string): Promise<Ended> =>
  runProgram(["audit", "verify", file, ...(root === undefined ? [] : ["--root", root])], work);

/**
 * What must hold for every close that is over: no process of it ended but those that the test killed, it is right, it is there once, and the audit
 * proves it.
 * @param killed names of the services that the test ended by SIGKILL, once for each time
 */
export async function expectClosed(work: Workplace, { code, stdout, stderr }: Ended, killed: readonly string[] = []): Promise<Report> {
  expect({ code, said: code === 0 ? "" : `${stdout}${stderr}` }).toEqual({ code: 0, said: "" });
  const { dir } = work;
  expectNoCrash(dir, stdout, killed);
  const report = reportOf(dir);
  expect(compareClose(join(dir, "input"), report)).toEqual([]);
  await expectOnePosting(dir, report);
  expect((await verifyAudit(work, join(dir, "audit.ndjson"), rootOf(dir))).code).toBe(0);
  const events = auditEvents(dir);
  expectOneResultEach(events);
  expectBothSides(events);
  return report;
}

/** Who started again had been killed; a crash shows the end of its log, which is gone with the folder when somebody reads of it. */
function expectNoCrash(dir: string, stdout: string, killed: readonly string[]): void {
  const ends = [...stdout.matchAll(/(\S+) had ended \((.+?)\) and was started again/g)].map(([, name = "", how = ""]) => ({ name, how }));
  const crashed = ends.find(({ name, how }) => how !== "SIGKILL" || !killed.includes(name));
  const log = crashed === undefined ? "" : evidence(dir, join("logs", `${crashed.name}.log`)).slice(-4_000);
  expect(ends.map(({ name, how }) => `${name} ${how}`).toSorted(), log).toEqual(killed.map((name) => `${name} SIGKILL`).toSorted());
}

/** One posting is in finance's books, and it is the one of the report. */
async function expectOnePosting(dir: string, report: Report): Promise<void> {
  const folder = join(dir, "books", "finance", "close");
  const postings = (await readdir(folder, { recursive: true })).filter((name) => name.includes("posting"));
  expect(postings).toEqual([join(report.period, "posting.json")]);
  const posting = JSON.parse(readFileSync(join(folder, postings[0] ?? ""), "utf8")) as { postingId: string; postedAt: string };
  expect(posting).toMatchObject({ postingId: report.postingId, postedAt: report.postedAt });
}

const ENDS = new Set(["COMPLETED", "FAILED", "CANCELED", "REJECTED"]);

/** Every task ended once at who did it and once at who asked, both in the same state. */
function expectOneResultEach(events: readonly AuditEvent[]): void {
  const created = events.filter(({ action }) => action === "task.create").map(({ target }) => target);
  expect(created.length).toBeGreaterThanOrEqual(3);
  for (const task of created) {
    const ends = events.filter(
      (event) => event.action === "task.state" && event.target === task && ENDS.has(String(event.details["state"])),
    );
    const sides = ends.map(({ details }) => String(details["side"])).sort();
    const states = new Set(ends.map(({ details }) => details["state"])).size;
    // The whole story of the task is shown where it is another one.
    const story = sides.length === 2 && states === 1 ? [] : storyOf(events, idOf(task));
    expect({ task, sides, states, story }).toEqual({ task, sides: ["asker", "worker"], states: 1, story: [] });
    const counted = events.filter(
      ({ action, target, details }) => action === "run.finish" && idOf(target) === idOf(task) && details["fenced"] === false,
    );
    expect(counted.length).toBe(1);
  }
}

/** What happened to a task, and everything that was no success, one line each. */
const storyOf = (events: readonly AuditEvent[], id: string): string[] =>
  events
    .filter((event) => JSON.stringify(event).includes(id) || event.result !== "ok")
    .toSorted((a, b) => a.ts.localeCompare(b.ts))
    .map(
      ({ ts, actor, action, target, result, details }) => `${ts} ${actor.role} ${action} ${target} ${result} ${JSON.stringify(details)}`,
    );

const idOf = (target: string): string => target.slice(target.indexOf(":") + 1);

/** What policy is asked about on both sides; everything else only continues something that was allowed. */
const ASKED = new Set(["task.request", "approval.request", "notification"]);

/** Each message is in both chains and was delivered once; requests with the decision of both policies and the hashes of both sets. */
function expectBothSides(events: readonly AuditEvent[]): void {
  const of = (action: string): AuditEvent[] => events.filter((event) => event.action === action);
  const [sent, received, delivered] = [of("message.send"), of("message.receive"), of("message.deliver")];
  expect(sent.length).toBeGreaterThanOrEqual(10);
  const byTarget = (all: readonly AuditEvent[]): string[] => all.map(({ target }) => target).sort();
  expect(byTarget(received)).toEqual(byTarget(sent));
  expect(byTarget(delivered)).toEqual(byTarget(sent));
  for (const send of sent) {
    const receive = received.find(({ target }) => target === send.target);
    expect(receive?.agentId).toBe(send.details["to"]);
    expect(receive?.details).toMatchObject({
      from: send.agentId,
      type: send.details["type"],
      senderPolicyHash: send.details["policyHash"],
    });
    const decided = { policy: "allow", policyHash: expect.stringMatching(/^[0-9a-f]{64}$/), rules: expect.stringMatching(/./) };
    if (ASKED.has(String(send.details["type"]))) expect([send.details, receive?.details]).toMatchObject([decided, decided]);
    expect(send.details).toMatchObject({ policyHash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(receive?.traceId).toBe(send.traceId);
  }
}
