/**
 * Tasks that wait for signed approvals before they leave: held as AUTH_REQUIRED, sent once every approval is there, ended where one is refused.
 * Sans-IO. Invariant: of a held task nothing has left but the requests for approval. docs/decisions/0105-approval-before-sending.md
 */
import type { AuditDraft } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import { MAX_QUORUM } from "../contract/limits.ts";
import type { MessageOf, TaskState } from "../contract/message.ts";
import type { OutgoingMessage, PolicyDecision, PolicyQuestion, Transaction } from "../contract/ports.ts";
import { approvalWords, type WantedApproval, wantedApprovals } from "../enforcement/approvers.ts";
import type { ApprovalRecord } from "./approval-record.ts";
import type { Approvals } from "./approvals/create-approvals.ts";
import { askedOf } from "./approvals/votes.ts";
import type { CallContext, SessionDeps } from "./ports.ts";
import { approvalPayload } from "./task-approval.ts";
import { type AskerTask, auditTaskState, type HeldApproval, moveTask, noteTask, readTask, signedOf } from "./task-record.ts";
import { isTooLate } from "./task-times.ts";

/** What was asked of policy about a task, and the answer. */
export interface AskedPolicy {
  readonly question: PolicyQuestion;
  readonly decision: PolicyDecision;
}

/** What the gate needs of the asking side. */
export interface ApprovalGateDeps extends Pick<SessionDeps, "sender" | "self" | "random"> {
  readonly approvals: Pick<Approvals, "ask" | "withdraw">;
  save(tx: Transaction, record: AskerTask): AskerTask;
  requestOf(record: AskerTask, key: string): MessageOf<"task.request">;
  outgoingFor(record: AskerTask, key: string, asked: AskedPolicy): OutgoingMessage;
  maySend(record: AskerTask, counts: boolean): AskedPolicy;
}

const heldKey = (approvalId: string): string => `task/held/${approvalId}`;

/** True where it waits for an approval here; a worker's AUTH_REQUIRED has a number. */
export const isHeld = ({ state, rev, approvals }: AskerTask): boolean => state === "AUTH_REQUIRED" && rev === 0 && approvals !== undefined;

const waitingFor = (approvals: NonNullable<AskerTask["approvals"]>): string => {
  const roles = approvals.flatMap((one) => (one.decision === undefined ? [approvalWords(one)] : []));
  return `Policy wants an approval before this leaves: it waits for ${roles.join(" and ")}.`;
};

/** The decision; a deny where it obliges to an approval that the task does not carry: policy may have changed since it was asked for. */
export function withApprovals({ approvals = [] }: Pick<AskerTask, "approvals">, decision: PolicyDecision): PolicyDecision {
  const carried = new Map(approvals.map((one) => [one.role, signedOf(one).length]));
  const missing = wantedApprovals(decision)
    .filter(({ role, quorum = 1 }) => (carried.get(role) ?? 0) < quorum)
    .map(approvalWords);
  if (!decision.allowed || missing.length === 0) return decision;
  const reason = `${decision.reason} It now needs an approval by ${missing.join(" and ")} that nobody was asked for. Send it as a new task.`;
  return { ...decision, allowed: false, reason };
}

/** The signed decisions of an approval. */
const signedIn = (approval: ApprovalRecord): NonNullable<HeldApproval["signed"]> =>
  askedOf(approval).flatMap(({ to: { subject }, decision }) => (decision === undefined ? [] : [{ subject, decision }]));

/** Makes it. */
export function createApprovalGate(deps: ApprovalGateDeps) {
  const actor: AuditDraft["actor"] = { type: "agent", id: deps.self.agentId, role: deps.self.role };

  const end = (tx: Transaction, record: AskerTask, move: { state: TaskState; note?: string; message?: string }): AskerTask => {
    const ended = deps.save(tx, { ...moveTask(record, { ...move, nowMs: tx.now }), delivery: "dead" });
    auditTaskState(tx, ended, actor);
    for (const { approvalId } of record.approvals ?? []) deps.approvals.withdraw(tx, approvalId);
    return ended;
  };

  /** Every approval is there: policy is asked again, with those who approved among the participants. */
  const release = (tx: Transaction, record: AskerTask): void => {
    if (isTooLate(record, tx.now)) return void end(tx, record, { state: "FAILED", message: "It was approved after its time was over." });
    const { question, decision } = deps.maySend(record, false);
    const asked = { question, decision: withApprovals(record, decision) };
    const outgoing = deps.outgoingFor(record, record.heldKey ?? record.taskId, asked);
    if (!asked.decision.allowed) {
      deps.sender.auditDenied(tx, outgoing);
      end(tx, record, { state: "REJECTED", message: `POLICY_DENIED: ${asked.decision.reason}` });
      return;
    }
    const { message: _, ...kept } = noteTask({ ...record, state: "SUBMITTED" as const }, tx.now, "approved; it goes");
    deps.sender.enqueue(tx, outgoing);
    auditTaskState(tx, deps.save(tx, kept), actor);
  };

  return {
    end,

    /** Asks for the approvals and keeps the task until they are there; what policy says where one may not be asked for. @throws GaggleError NO_ROUTE */
    hold(
      tx: Transaction,
      record: AskerTask,
      { wanted, key, call }: { readonly wanted: readonly WantedApproval[]; readonly key: string; readonly call: CallContext },
    ): AskerTask | PolicyDecision {
      if (wanted.reduce((sum, { quorum = 1 }) => sum + quorum, 0) > MAX_QUORUM)
        throw new GaggleError("POLICY_DENIED", `Policy wants more than ${MAX_QUORUM} people to approve this, and no more can.`);
      const payload = approvalPayload(deps.requestOf(record, key), record.peer);
      const approvals: NonNullable<AskerTask["approvals"]>[number][] = [];
      for (const { role, quorum, withinMs, escalates } of wanted) {
        const stepId = `task ${record.taskId}`;
        const terms = {
          ...(quorum === undefined ? {} : { quorum }),
          ...(withinMs === undefined ? {} : { deadline: new Date(tx.now + withinMs).toISOString() }),
          ...(escalates === undefined ? {} : { escalate: escalates }),
        };
        const asked = deps.approvals.ask(
          tx,
          { target: { targetRole: role }, payload, stepId, idempotencyKey: newUuid(tx.now, deps.random), ...terms },
          call,
        );
        if ("allowed" in asked) return asked;
        approvals.push({ approvalId: asked.approvalId, role, ...(quorum === undefined ? {} : { quorum }) });
        tx.put(heldKey(asked.approvalId), record.taskId);
      }
      const waits = moveTask(
        { ...record, approvals, heldKey: key },
        { state: "AUTH_REQUIRED", nowMs: tx.now, message: waitingFor(approvals) },
      );
      auditTaskState(tx, waits, call.actor);
      return deps.save(tx, waits);
    },

    /** An approval was decided, or can't be. */
    onApproval(tx: Transaction, approval: ApprovalRecord): void {
      const { approvalId, state, approver, reason = "" } = approval;
      const record = readTask(tx, "asker", tx.get(heldKey(approvalId)) ?? "");
      if (record === undefined || !isHeld(record)) return;
      tx.del(heldKey(approvalId));
      const signed = signedIn(approval);
      const [first] = signed;
      if (state !== "APPROVED" || first === undefined) {
        const why =
          state === "REJECTED"
            ? `${approver?.subject ?? "The approver"} did not approve it. ${reason}`
            : `It could not be approved. ${reason}`;
        end(tx, record, { state: state === "REJECTED" ? "REJECTED" : "FAILED", message: why.trim() });
        return;
      }
      const approvals = (record.approvals ?? []).map((one) =>
        one.approvalId === approvalId ? { ...one, ...first, ...(signed.length > 1 ? { signed } : {}) } : one,
      );
      const next = { ...record, approvals };
      if (approvals.every((one) => one.decision !== undefined)) release(tx, next);
      else deps.save(tx, { ...next, message: waitingFor(approvals) });
    },
  };
}
