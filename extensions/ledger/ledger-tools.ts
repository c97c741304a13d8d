/** All tools of the MCP server `ledger`. Policy decides which of them a role has. */
import { isAbsolute } from "node:path";
import type { ApprovalView, TaskView } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { DaemonLink } from "../daemon-link.ts";
import type { Tool } from "../define-tool.ts";
import { type Books, openBooks } from "./books.ts";
import { departmentTools } from "./department-tools.ts";
import { financeTools } from "./finance-tools.ts";

/** What the tools need from their process. */
export interface LedgerDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly daemon: Pick<DaemonLink, "call">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The books that `GAGGLE_BOOKS` names. Throws GaggleError INVALID_INPUT naming the fix. */
function booksOf(env: LedgerDeps["env"]): Books {
  const dir = env["GAGGLE_BOOKS"];
  if (dir === undefined || !isAbsolute(dir)) {
    throw new GaggleError(
      "INVALID_INPUT",
      "There are no books: set GAGGLE_BOOKS to the absolute path of your department's folder of CSV files, for example profiles/sample/data/finance.",
    );
  }
  return openBooks(dir);
}

async function fetchApproval(daemon: LedgerDeps["daemon"], approvalId: string): Promise<ApprovalView> {
  const view = await daemon.call("status.fetch", { id: approvalId });
  if (view.kind !== "approval")
    throw new GaggleError("INVALID_INPUT", "This id is no approval's. Pass the approvalId of request_approval.");
  return view;
}

async function fetchTask(daemon: LedgerDeps["daemon"], taskId: string): Promise<TaskView> {
  const view = await daemon.call("status.fetch", { id: taskId });
  if (view.kind !== "task") throw new GaggleError("INVALID_INPUT", `${taskId} is no task's id. Pass the taskId that send_task gave.`);
  return view;
}

/** The tools; books and daemon are looked for when a tool is called, so that a chat starts without them. */
export function ledgerTools({ env, daemon, now }: LedgerDeps): Tool[] {
  const open = (): Books => booksOf(env);
  const finance = financeTools(open, {
    fetchTask: (id) => fetchTask(daemon, id),
    fetchApproval: (id) => fetchApproval(daemon, id),
    now,
  });
  return [...departmentTools(open), ...finance];
}
