import { cpSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { callTool } from "../../extensions/call-tool.ts";
import type { DepartmentAccruals, PayrollAccruals } from "../../extensions/ledger/close-records.ts";
import { type LedgerDeps, ledgerTools } from "../../extensions/ledger/ledger-tools.ts";
import { type ApprovalView, DAEMON_METHODS, type TaskView } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { canonicalHash, type Json, parseAs } from "../../mesh/contract/json.ts";

export const PERIOD = "2026-10";
export const APPROVAL_ID = "019a0000-0000-7000-8000-000000000001";
export const TASK_IDS = {
  marketing: "019a0000-0000-7000-8000-00000000000a",
  engineering: "019a0000-0000-7000-8000-00000000000b",
  hr: "019a0000-0000-7000-8000-00000000000c",
} as const;
/** What finance's model passes to `propose_entries`. */
export const PROPOSE = {
  period: PERIOD,
  accrualTaskIds: [TASK_IDS.marketing, TASK_IDS.engineering],
  payrollTaskId: TASK_IDS.hr,
} as const;
const AGENT = `12D3KooW${"A".repeat(44)}`;

/** A department's sample books as they lie in the repository: for reading only. */
const sampleBooks = (department: string): string => fileURLToPath(new URL(`../../profiles/sample/data/${department}`, import.meta.url));

/** A copy of a department's sample books in a temporary folder of its own. */
export async function copyBooks(department: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "gaggle-books-"));
  cpSync(sampleBooks(department), dir, { recursive: true });
  return dir;
}

/** An approval as the daemon shows it after a person has signed; `change` alters it. */
export function approvalView(payload: unknown, change: Partial<ApprovalView> = {}, signed: Record<string, unknown> = {}): ApprovalView {
  const approver = { subject: "edward.lindqvist", role: "executive" };
  const payloadHash = canonicalHash(payload);
  const statement = {
    v: 1,
    org: `org_${"a".repeat(26)}`,
    approvalId: APPROVAL_ID,
    requester: AGENT,
    payloadHash,
    decision: "approved",
    reason: "",
    approver,
    decidedAt: "2026-11-02T09:00:00.000Z",
    ...signed,
  };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return {
    kind: "approval",
    approvalId: APPROVAL_ID,
    side: "requester",
    peer: { agentId: AGENT, subject: "edward.lindqvist", role: "executive", department: "executive" },
    state: "APPROVED",
    payload: payload as Json,
    payloadHash,
    decision: `${part({ alg: "EdDSA" })}.${part(statement)}.c2lnbmF0dXJl`,
    approver,
    createdAt: "2026-11-02T08:00:00.000Z",
    updatedAt: "2026-11-02T09:00:00.000Z",
    history: [],
    ...change,
  };
}

/** What the daemon of these tests knows. */
interface Known {
  readonly approval?: () => ApprovalView;
  readonly tasks?: readonly TaskView[];
}

/** The tools over one folder, called as Goose calls them. */
export function openTools(dir: string | undefined, { approval, tasks = [] }: Known = {}) {
  const call: LedgerDeps["daemon"]["call"] = async (method, params) => {
    const { id } = parseAs(DAEMON_METHODS["status.fetch"].params, params, method);
    if (approval === undefined && tasks.length === 0) throw new GaggleError("DAEMON_UNREACHABLE", "There is no daemon in this test.");
    const view = id === APPROVAL_ID ? approval?.() : tasks.find((task) => task.taskId === id);
    if (view === undefined) throw new GaggleError("NOT_FOUND", "No such id is known here; check the id.");
    return view as never;
  };
  const tools = ledgerTools({
    env: dir === undefined ? {} : { GAGGLE_BOOKS: dir },
    daemon: { call },
    now: () => Date.parse("2026-11-02T09:01:00Z"),
  });
  const request = (name: string, input: Record<string, unknown>) =>
    callTool(tools, { name, arguments: input }, { authorise: async () => undefined, isRun: false }, new AbortController().signal);
  return {
    tools,
    /** The tool's structured result; throws its error text. */
    async ok(name: string, input: Record<string, unknown> = { period: PERIOD }): Promise<Record<string, Json>> {
      const result = await request(name, input);
      if (result.isError === true) throw new Error(JSON.stringify(result.content));
      return result.structuredContent as Record<string, Json>;
    },
    /** The tool's error text; throws where it succeeded. */
    async refusal(name: string, input: Record<string, unknown> = { period: PERIOD }): Promise<string> {
      const result = await request(name, input);
      const [content] = result.content;
      if (result.isError !== true || content?.type !== "text") throw new Error(`${name} was not refused`);
      return content.text;
    },
  };
}

/** A task that finance asked and that the department's agent completed; `change` alters it. */
export function taskView(department: keyof typeof TASK_IDS, result: unknown, change: Partial<TaskView> = {}): TaskView {
  return {
    kind: "task",
    taskId: TASK_IDS[department],
    side: "asker",
    peer: { agentId: AGENT, subject: `head.of.${department}`, role: department, department },
    state: "COMPLETED",
    skill: department === "hr" ? "payroll-accrual" : "accruals",
    task: "Report.",
    context: { period: PERIOD },
    delivery: "stored",
    result: result as Json,
    createdAt: "2026-11-02T08:00:00.000Z",
    updatedAt: "2026-11-02T08:30:00.000Z",
    history: [],
    ...change,
  };
}

/** What the three departments answer from their sample books, with the fields that recipes add. */
export async function departmentResults(): Promise<{
  marketing: DepartmentAccruals;
  engineering: DepartmentAccruals;
  hr: PayrollAccruals;
}> {
  const ask = async (department: string, tool: string) => ({ status: "done", ...(await openTools(sampleBooks(department)).ok(tool)) });
  const [marketing, engineering, hr] = await Promise.all([
    ask("marketing", "purchase_order_accruals"),
    ask("engineering", "purchase_order_accruals"),
    ask("hr", "payroll_accrual"),
  ]);
  return {
    marketing: marketing as unknown as DepartmentAccruals,
    engineering: engineering as unknown as DepartmentAccruals,
    hr: hr as unknown as PayrollAccruals,
  };
}

/** The three departments' completed tasks, as finance's daemon holds them. */
export async function departmentTasks(): Promise<TaskView[]> {
  const { marketing, engineering, hr } = await departmentResults();
  return [taskView("marketing", marketing), taskView("engineering", engineering), taskView("hr", hr)];
}
