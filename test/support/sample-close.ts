/** A close of the sample company as the page gets it: figures from the ledger's real tools, steps as a run makes them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CloseData, CloseReport, TimelineEntry } from "../../mesh/demo/page/model.ts";
import { APPROVAL_ID, approvalView, copyBooks, departmentTasks, openTools, PERIOD, PROPOSE } from "./sample-books.ts";

const AGENTS = [
  { subject: "fiona.berg", role: "finance", title: "Head of Accounting" },
  { subject: "marco.diaz", role: "marketing", title: "Head of Marketing" },
  { subject: "elena.novak", role: "engineering", title: "Head of Engineering" },
  { subject: "hanna.okoye", role: "hr", title: "Head of People" },
  { subject: "edward.lindqvist", role: "executive", title: "Chief Executive Officer" },
] as const;
const [FINANCE, MARKETING, ENGINEERING, HR, EXECUTIVE] = AGENTS.map((agent) => agent.subject) as [string, string, string, string, string];
const START = Date.parse("2026-11-02T09:00:00.000Z");

type Step = Omit<TimelineEntry, "at" | "atMs" | "lane" | "kind" | "text">;
const step = (atMs: number, lane: string, kind: TimelineEntry["kind"], text: string, more: Step = {}): TimelineEntry => ({
  at: new Date(START + atMs).toISOString(),
  atMs,
  lane,
  kind,
  text,
  ...more,
});

/** A department's part: asked, run, answered. */
function department(lane: string, skill: string, at: number, took: number): TimelineEntry[] {
  const ref = `task-${lane}`;
  const masked =
    lane === HR
      ? [
          { class: "IBAN", count: 40 },
          { class: "NATIONAL_ID", count: 40 },
        ]
      : [
          { class: "EMAIL", count: 19 },
          { class: "PHONE", count: 19 },
        ];
  return [
    step(at, FINANCE, "task-sent", `asks for ${skill}`, { to: lane, ref }),
    step(at + 31, lane, "task-received", "stored the task", { ref }),
    step(at + 160, lane, "run-start", `Goose runs ${skill}`, { ref }),
    step(at + 520, lane, "model-call", "model call"),
    step(at + 900, lane, "model-call", "model call", { masked, durationMs: 40 }),
    step(at + 1_200, lane, "model-call", "model call"),
    step(at + took, lane, "run-finish", "Goose is done", { ref, durationMs: took - 160 }),
    step(at + took + 40, lane, "task-state", "typed result, COMPLETED", { to: FINANCE, ref }),
  ];
}

const timeline = (): TimelineEntry[] =>
  [
    ...AGENTS.map((agent, i) => step(i * 3, agent.subject, "daemon", "agent starts")),
    step(220, FINANCE, "run-start", "Goose runs month-end-close"),
    step(480, FINANCE, "model-call", "model call"),
    ...department(MARKETING, "accruals", 700, 1_620),
    ...department(ENGINEERING, "accruals", 706, 1_790),
    ...department(HR, "payroll-accrual", 712, 2_040),
    step(2_900, FINANCE, "model-call", "model call", { masked: [{ class: "EMAIL", count: 2 }] }),
    step(3_000, FINANCE, "note", "bank reconciled: 377 match, 12 differ"),
    step(3_300, FINANCE, "approval-asked", "asks to approve 10 entries", { to: EXECUTIVE, ref: APPROVAL_ID }),
    step(3_330, EXECUTIVE, "approval-received", "stored the request", { ref: APPROVAL_ID }),
    step(3_400, EXECUTIVE, "note", "reads the proposal (played by the demo)"),
    step(4_100, EXECUTIVE, "approval-decided", "approved, signed", { to: FINANCE, ref: APPROVAL_ID }),
    step(4_130, FINANCE, "approval-accepted", "signature verified", { ref: APPROVAL_ID }),
    step(4_300, MARKETING, "denied", "may not ask HR for payroll"),
    step(4_700, FINANCE, "posted", "posted, report written"),
    step(4_900, FINANCE, "run-finish", "Goose is done", { durationMs: 4_680 }),
    step(5_000, FINANCE, "notification", "tells everybody that October is closed", { to: EXECUTIVE }),
  ].sort((a, b) => a.atMs - b.atMs);

const EXCERPT = `{"role":"tool","tool_call_id":"call_2","content":"{\\"po\\":\\"PO-M-4101\\",\\"vendor\\":\\"Atelier Lumière Conseil SAS\\",
 \\"contact\\":\\"Benoît Rousseau\\",\\"email\\":\\"EMAIL_K3F9X2MQD7\\",\\"phone\\":\\"PHONE_P0C4R8W1YA\\",\\"iban\\":\\"IBAN_Z6T1B5H9SN\\"}"}`;

/** A whole close; the report is what the ledger writes for the sample books. */
export async function sampleClose(): Promise<CloseData> {
  const dir = await copyBooks("finance");
  const { approvalPayload } = await openTools(dir, { tasks: await departmentTasks() }).ok("propose_entries", PROPOSE);
  await openTools(dir, { approval: () => approvalView(approvalPayload) }).ok("post_close", { period: PERIOD, approvalId: APPROVAL_ID });
  const report = JSON.parse(await readFile(join(dir, "close", PERIOD, "report.json"), "utf8")) as CloseReport;
  return {
    report,
    agents: AGENTS,
    timeline: timeline(),
    masked: [
      { class: "EMAIL", count: 120 },
      { class: "PHONE", count: 38 },
      { class: "IBAN", count: 79 },
      { class: "NATIONAL_ID", count: 40 },
    ],
    audit: { ok: true, events: 214, agents: 5, message: "Every chain is whole and ends in a signed head." },
    model: { name: "gaggle-rehearsal", rehearsal: true, requests: 31, bytes: 412_330, excerpt: EXCERPT },
    generatedAt: "2026-11-02T09:00:06.000Z",
    durationMs: 5_400,
    evidence: [
      { file: "report.json", what: "the posted close, for programs" },
      { file: "model-requests.jsonl", what: "every request body exactly as the model’s side got it" },
      { file: "audit.ndjson", what: "the collected audit trail; check it with gaggle audit verify" },
    ],
  };
}
