import { cpSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { callTool } from "../../extensions/call-tool.ts";
import type { DepartmentAccruals, PayrollAccruals } from "../../extensions/ledger/close-records.ts";
import { ledgerTools } from "../../extensions/ledger/ledger-tools.ts";
import type { ApprovalView } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { canonicalHash, type Json } from "../../mesh/contract/json.ts";

export const PERIOD = "2026-10";
export const APPROVAL_ID = "019a0000-0000-7000-8000-000000000001";
const AGENT = `12D3KooW${"A".repeat(44)}`;

/** A copy of a department's sample books in a folder of its own. */
export async function copyBooks(department: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "gaggle-books-"));
  cpSync(fileURLToPath(new URL(`../../profiles/sample/data/${department}`, import.meta.url)), dir, { recursive: true });
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

/** The tools over one folder, called as Goose calls them. `approval` is what the daemon answers. */
export function openTools(dir: string | undefined, approval?: () => ApprovalView) {
  const call = async (): Promise<never> => {
    if (approval === undefined) throw new GaggleError("DAEMON_UNREACHABLE", "There is no daemon in this test.");
    return approval() as never;
  };
  const tools = ledgerTools({
    env: dir === undefined ? {} : { GAGGLE_BOOKS: dir },
    daemon: { call },
    now: () => Date.parse("2026-11-02T09:01:00Z"),
  });
  const request = (name: string, input: Record<string, unknown>) =>
    callTool(tools, { name, arguments: input }, new AbortController().signal);
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

/** What the three departments answer from their sample books, with the fields that recipes add. */
export async function departmentResults(): Promise<{ period: string; accruals: DepartmentAccruals[]; payroll: PayrollAccruals }> {
  const ask = async (department: string, tool: string) => ({ status: "done", ...(await openTools(await copyBooks(department)).ok(tool)) });
  const [marketing, engineering, hr] = await Promise.all([
    ask("marketing", "purchase_order_accruals"),
    ask("engineering", "purchase_order_accruals"),
    ask("hr", "payroll_accrual"),
  ]);
  return {
    period: PERIOD,
    accruals: [marketing, engineering] as unknown as DepartmentAccruals[],
    payroll: hr as unknown as PayrollAccruals,
  };
}
