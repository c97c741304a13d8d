/** Script of finance's recipe `month-end-close`. */
import type { Call, Reference, Script, Step, Template } from "../script.ts";

const period = { $param: "period" };
const TASK_ENDS = ["COMPLETED", "FAILED", "CANCELED", "REJECTED"];
const APPROVAL_ENDS = ["APPROVED", "REJECTED", "FAILED"];
/** Longest wait for a task and for a person, in questions of 20 seconds. */
const TASK_WAITS = 45;
const APPROVAL_WAITS = 15;

/** What finance asks of whom. */
const ASKED = [
  { role: "marketing", skill: "accruals", task: "Report your accruals for ", key: "accruals/marketing" },
  { role: "engineering", skill: "accruals", task: "Report your accruals for ", key: "accruals/engineering" },
  { role: "hr", skill: "payroll-accrual", task: "Report the payroll accrual for ", key: "payroll/hr" },
] as const;
type Asked = (typeof ASKED)[number];

const text = (...parts: Template[]): Reference => ({ $join: parts });
const from = (call: string, at: string): Reference => ({ $from: call, at });

const sendTask = ({ role, skill, task, key }: Asked, name: string, suffix: string): Call => ({
  key: `${name}-${role}`,
  tool: "mesh__send_task",
  args: {
    targetRole: role,
    skill,
    task: text(task, period, "."),
    context: { period },
    idempotencyKey: text("close/", period, "/", key, suffix),
  },
});

const waitFor = (name: string, id: Reference, atMost: number, ends: readonly string[]): Call => ({
  key: name,
  tool: "mesh__fetch_status",
  args: { id, waitSeconds: 20 },
  until: { at: "/state", in: ends, atMost },
});

const notDone = ({ role }: Asked) => ({ value: from(`wait-${role}`, "/state"), notIn: ["COMPLETED"] });
/** State and id of a task, of its second sending where there was one. */
const latest = (role: Asked["role"], at: string): Reference => ({ $first: [from(`wait-again-${role}`, at), from(`wait-${role}`, at)] });

const askDepartments: readonly Step[] = [
  {
    say: "I ask marketing and engineering for their accruals and HR for the payroll.",
    calls: ASKED.map((asked) => sendTask(asked, "send", "")),
    onError: "failed",
  },
  {
    say: "While they work, I reconcile the bank.",
    calls: [{ key: "reconcile", tool: "ledger__reconcile_bank", args: { period } }],
    onError: "failed",
    ends: [{ when: { value: from("reconcile", "/reconciled"), notIn: [true] }, finish: "failed" }],
  },
  {
    say: "I wait for the departments.",
    calls: ASKED.map(({ role }) => waitFor(`wait-${role}`, from(`send-${role}`, "/taskId"), TASK_WAITS, TASK_ENDS)),
    onError: "failed",
  },
  {
    say: "A task did not complete, so I send it once more.",
    calls: ASKED.map((asked) => ({ ...sendTask(asked, "send-again", "/again"), when: notDone(asked) })),
    onError: "failed",
  },
  {
    say: "I wait once more.",
    calls: ASKED.map((asked) => ({
      ...waitFor(`wait-again-${asked.role}`, from(`send-again-${asked.role}`, "/taskId"), TASK_WAITS, TASK_ENDS),
      when: notDone(asked),
    })),
    onError: "failed",
    ends: ASKED.map(({ role }) => ({ when: { value: latest(role, "/state"), notIn: ["COMPLETED"] }, finish: "failed" })),
  },
];

const proposeAndPost: readonly Step[] = [
  {
    say: "All figures are in. I propose the entries.",
    calls: [
      {
        key: "propose",
        tool: "ledger__propose_entries",
        args: {
          period,
          accrualTaskIds: [latest("marketing", "/taskId"), latest("engineering", "/taskId")],
          payrollTaskId: latest("hr", "/taskId"),
        },
      },
    ],
    onError: "failed",
  },
  {
    say: "I ask the executive to approve exactly this proposal.",
    calls: [
      {
        key: "approval",
        tool: "mesh__request_approval",
        args: {
          targetRole: "executive",
          stepId: "approve-close",
          payload: from("propose", "/approvalPayload"),
          idempotencyKey: text("close/", period, "/approval/", from("propose", "/proposalHash")),
        },
      },
    ],
    onError: "failed",
  },
  {
    say: "I wait for the decision.",
    calls: [waitFor("decision", from("approval", "/approvalId"), APPROVAL_WAITS, APPROVAL_ENDS)],
    onError: "failed",
    onUnfinished: "awaiting",
    ends: [
      { when: { value: from("decision", "/state"), in: ["REJECTED"] }, finish: "rejected" },
      { when: { value: from("decision", "/state"), notIn: ["APPROVED"] }, finish: "failed" },
    ],
  },
  {
    say: "It is approved. I post the close.",
    calls: [{ key: "post", tool: "ledger__post_close", args: { period, approvalId: from("approval", "/approvalId") } }],
    onError: "failed",
  },
];

/** What the tools gave, or "" where the close did not get that far. */
const orEmpty = (reference: Reference): Reference => ({ $first: [reference, ""] });
const reachedSoFar = {
  period,
  postingId: "",
  approvalId: orEmpty(from("approval", "/approvalId")),
  proposalHash: orEmpty(from("propose", "/proposalHash")),
  reportFile: "",
};

/** The script for finance's `month-end-close` recipe. */
export const monthEndClose: Script = {
  title: "Month-end close",
  marker: "You are the agent of the finance department. You close the books of the month",
  reads: { period: /You close the books of the month (\d{4}-\d{2})\./ },
  steps: [...askDepartments, ...proposeAndPost],
  finishes: {
    done: { ...reachedSoFar, status: "posted", postingId: from("post", "/postingId"), reportFile: from("post", "/reportFile") },
    rejected: { ...reachedSoFar, status: "rejected" },
    awaiting: { ...reachedSoFar, status: "awaiting-approval" },
    failed: {
      ...reachedSoFar,
      status: "failed",
      problem: "A tool failed twice, a department did not complete its task, or the bank does not reconcile.",
    },
  },
};
