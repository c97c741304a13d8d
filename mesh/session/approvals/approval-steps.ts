/** What both sides of an approval do with its record: keep it, move it, record it, check a decision, ask policy of it. */
import { actorOf, type AuditDraft } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { ApprovalStatement, MessageOf } from "../../contract/message.ts";
import type { OutgoingMessage, PolicyDecision, Transaction } from "../../contract/ports.ts";
import type { Principal } from "../../contract/identity.ts";
import { reasonOf } from "../../identity/approval.ts";
import { approvalKey, type ApprovalRecord, type ExpectedDecision, readApproval } from "../approval-record.ts";
import type { Changes } from "../changes.ts";
import { indexItem } from "../inbox.ts";
import type { SessionDeps } from "../ports.ts";
import { approvedBy, moveApproval } from "./votes.ts";

/** What the steps need. */
export interface ApprovalStepsDeps
  extends Pick<SessionDeps, "assertLeaves" | "classesOf" | "openItems" | "policy" | "queue" | "self" | "store"> {
  readonly changes: Changes;
  /** Checks a decision against the roster of the newest bundle. @throws GaggleError APPROVAL_INVALID, REVOKED */
  verifyApproval(jws: string, expected: ExpectedDecision): ApprovalStatement;
}

/** No such approval is known. */
export const unknownApproval = (): GaggleError => new GaggleError("NOT_FOUND", "No such approval is known here; check the approval id.");
const mismatch = (): GaggleError =>
  new GaggleError("APPROVAL_INVALID", "The approval was decided by another person or role than the one that was asked.");
const otherDeadline = (): GaggleError =>
  new GaggleError(
    "APPROVAL_INVALID",
    "The decision does not name the deadline that it was asked with, so it does not count: the approver's Gaggle is older. Update it there and decide again.",
  );
const decidedLate = (): GaggleError =>
  new GaggleError("APPROVAL_INVALID", "The decision was made after the deadline, so it does not count.");

/** Classes that are known to be in an approval's payload, as policy's context has them. */
export const classesIn = ({ dataClasses }: ApprovalRecord) => (dataClasses === undefined ? {} : { dataClasses });

/** The record with its decision. */
export const decided = (
  record: ApprovalRecord,
  nowMs: number,
  jws: string,
  { decision, approver, reason }: ApprovalStatement,
): ApprovalRecord => moveApproval(record, nowMs, decision === "approved" ? "APPROVED" : "REJECTED", { decision: jws, approver, reason });

/** Who decided what, for the audit. */
export const decidedBy = ({ decision, approver }: ApprovalStatement) => ({ decision, approver: approver.subject });

/** The request as it goes to one who is asked. @param key the caller's idempotency key, or the approval's id */
export const requestMessage = (record: ApprovalRecord, key: string): MessageOf<"approval.request"> => {
  const { approvalId, payload, payloadHash, sessionId, stepId, quorum, deadline } = record;
  return {
    type: "approval.request",
    approvalId,
    payload,
    payloadHash,
    idempotencyKey: key,
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(stepId === undefined ? {} : { stepId }),
    ...(quorum === undefined ? {} : { quorum }),
    ...(deadline === undefined ? {} : { deadline }),
  };
};

/** A message about an approval to the other side. @param to whom, where several were asked */
export const messageFor = (
  record: ApprovalRecord,
  message: OutgoingMessage["message"],
  decision?: PolicyDecision,
  to: Principal = record.peer,
): OutgoingMessage => ({
  to,
  message,
  priority: "P1",
  lane: record.approvalId,
  traceId: record.traceId,
  ref: record.approvalId,
  ...(record.sessionId === undefined ? {} : { sessionLane: record.sessionId }),
  ...(decision === undefined ? {} : { decision }),
});

/** Makes the steps. */
export function createApprovalSteps(deps: ApprovalStepsDeps) {
  const actor = actorOf(deps.self);

  const save = (tx: Transaction, record: ApprovalRecord): ApprovalRecord => {
    const { approvalId: id, side, createdAt, state } = record;
    tx.put(approvalKey(side, id), JSON.stringify(record));
    if (side === "approver") indexItem(tx, { kind: "approval", id, createdAt }, state === "PENDING");
    if (side === "approver" && state !== "PENDING") deps.openItems.closed(tx, "approval", id);
    deps.changes.changed(tx, [id, record.sessionId]);
    return record;
  };

  const audit = (
    tx: Transaction,
    record: ApprovalRecord,
    action: `approval.${"request" | "receive" | "open" | "decide" | "accept" | "escalate" | "end"}`,
    outcome: {
      by?: AuditDraft["actor"];
      result?: AuditDraft["result"];
      details?: Readonly<Record<string, string | number | boolean>>;
      /** Who was asked, where it is another than the first. */
      person?: Principal;
    } = {},
  ): void =>
    tx.audit({
      actor: outcome.by ?? actor,
      action,
      target: `approval:${record.approvalId}`,
      result: outcome.result ?? "ok",
      details: { payloadHash: record.payloadHash, peerSubject: (outcome.person ?? record.peer).subject, ...outcome.details },
      traceId: record.traceId,
    });

  const must = (tx: Pick<Transaction, "get">, side: ApprovalRecord["side"], id: string): ApprovalRecord => {
    const record = readApproval(tx, side, id);
    if (record === undefined) throw unknownApproval();
    return record;
  };

  /** Policy of whether the approver may decide for the requester, on what is in the payload, beside who has approved already; asked by either side of its own set. `counts`: false where nothing is decided yet. */
  const mayDecide = (record: ApprovalRecord, person: Principal = record.peer, counts = true): PolicyDecision => {
    const [requester, approver] = record.side === "requester" ? [deps.self, person] : [record.peer, deps.self];
    const context = { participants: [requester.subject, ...approvedBy(record)], unattended: false, ...classesIn(record) };
    const question = { action: "approval.decide" as const, principal: approver, target: requester, targetRole: requester.role, context };
    return deps.policy.decide(question, { counts });
  };

  /** Has the guard look through a payload before a decision on it counts; what it found is kept. @throws GaggleError GUARD_REFUSED */
  const look = async (side: ApprovalRecord["side"], id: string): Promise<void> => {
    const known = readApproval(deps.store, side, id);
    if (deps.classesOf === undefined || known === undefined || known.dataClasses !== undefined || known.state !== "PENDING") return;
    const dataClasses = await deps.classesOf(known.payload);
    await deps.queue.run(
      (tx) => {
        const record = readApproval(tx, side, id);
        if (record !== undefined) tx.put(approvalKey(side, id), JSON.stringify({ ...record, dataClasses }));
      },
      { finishing: true },
    );
  };

  /** Whether a decision's reason may go to who asked; it is looked at before anybody counts on it. @throws GaggleError POLICY_DENIED, GUARD_REFUSED */
  const lookAtReason = async (id: string, jws: string): Promise<void> => {
    const known = readApproval(deps.store, "approver", id);
    if (known !== undefined) await deps.assertLeaves?.(known.peer, reasonOf(jws), known.payload);
  };

  /** The decision of exactly the person who was asked, about exactly this request, within its time. */
  const check = (record: ApprovalRecord, jws: string, person: Principal = record.peer): ApprovalStatement => {
    const [requester, approver] = record.side === "requester" ? [deps.self, person] : [record.peer, deps.self];
    const { approvalId, payloadHash } = record;
    const expected = { approvalId, payloadHash, requester: requester.agentId, requesterSubject: requester.subject };
    const statement = deps.verifyApproval(jws, expected);
    const same = statement.approvalId === approvalId && statement.payloadHash === payloadHash && statement.requester === requester.agentId;
    if (!same || statement.approver.subject !== approver.subject || statement.approver.role !== approver.role) throw mismatch();
    const deadline = record.deadline === undefined ? undefined : new Date(record.deadline).toISOString();
    if (statement.deadline !== deadline) throw otherDeadline();
    if (record.deadline !== undefined && Date.parse(statement.decidedAt) >= record.deadline) throw decidedLate();
    return statement;
  };

  return { audit, check, look, lookAtReason, mayDecide, must, save };
}
/** What both sides of an approval do with its record. */
export type ApprovalSteps = ReturnType<typeof createApprovalSteps>;
