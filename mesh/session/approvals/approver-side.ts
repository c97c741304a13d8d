/** The side that is asked: its daemon takes a decision that its person signed outside it, and sends it. */
import { GaggleError } from "../../contract/errors.ts";
import { canonicalHash } from "../../contract/json.ts";
import type { ApprovalStatement, MessageOf } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import { decisionDetails } from "../../enforcement/decision-details.ts";
import { type ApprovalRecord, readApproval } from "../approval-record.ts";
import { policyDenied } from "../policy-denied.ts";
import type { CallContext, SessionDeps, SessionIncoming } from "../ports.ts";
import { type ApprovalSteps, decided, decidedBy, messageFor, unknownApproval } from "./approval-steps.ts";
import { isTooLate, moveApproval, noteApproval } from "./votes.ts";

/** What deciding needs. */
export interface ApproverSideDeps extends Pick<SessionDeps, "openItems" | "queue" | "sender"> {
  /** Has the approval looked at again at that time, ms since the epoch. */
  plan?(tx: Transaction, at: number, approvalId: string): void;
  readonly steps: Pick<ApprovalSteps, "audit" | "check" | "look" | "lookAtReason" | "mayDecide" | "must" | "save">;
}

const overWords = (state: ApprovalRecord["state"]): string => {
  if (state === "EXPIRED") return "The time for this approval is over, so no decision counts any more; whoever asked may ask again.";
  if (state === "ENDED") return "This approval is over without your decision; nothing is left to decide.";
  return `The approval is ${state} already; it is decided once.`;
};

/** Makes it. */
export function createApproverSide(deps: ApproverSideDeps) {
  const { audit, check, look, lookAtReason, mayDecide, must, save } = deps.steps;

  /** The decided record; or why it does not count, which is recorded. */
  const decide = (tx: Transaction, request: { approvalId: string; decision: string }, call: CallContext): ApprovalRecord | GaggleError => {
    const record = must(tx, "approver", request.approvalId);
    if (record.state !== "PENDING") throw new GaggleError("STATE_CONFLICT", overWords(record.state));
    if (isTooLate(record, tx.now)) throw new GaggleError("STATE_CONFLICT", overWords("EXPIRED"));
    const denied = (error: GaggleError, details: Record<string, string>): GaggleError => {
      audit(tx, record, "approval.decide", { by: call.actor, result: "denied", details });
      return error;
    };
    let statement: ApprovalStatement;
    try {
      statement = check(record, request.decision);
    } catch (error) {
      if (!(error instanceof GaggleError)) throw error;
      return denied(error, { code: error.code });
    }
    const policy = mayDecide(record);
    const details = { ...decidedBy(statement), asked: "approval.decide", ...decisionDetails(policy) };
    if (!policy.allowed) return denied(policyDenied(policy), details);
    audit(tx, record, "approval.decide", { by: call.actor, details });
    deps.sender.enqueue(tx, messageFor(record, { type: "approval.decision", ...request }, policy));
    return save(tx, decided(record, tx.now, request.decision, statement));
  };

  /** A requester that asks again took its request for undelivered, and has dropped a decision that came meanwhile. */
  const tellAgain = (tx: Transaction, record: ApprovalRecord): undefined => {
    const { approvalId, decision } = record;
    const policy = mayDecide(record);
    if (decision !== undefined && policy.allowed)
      deps.sender.enqueue(tx, messageFor(record, { type: "approval.decision", approvalId, decision }, policy));
  };

  return {
    /** What the approver's person sees; that it was looked at is recorded. @throws GaggleError NOT_FOUND */
    open: (approvalId: string, call: CallContext): Promise<ApprovalRecord> =>
      deps.queue.run(
        (tx) => {
          const record = must(tx, "approver", approvalId);
          audit(tx, record, "approval.open", { by: call.actor });
          return record;
        },
        { finishing: true },
      ),

    /** Takes the person's signed decision and sends it. @throws GaggleError NOT_FOUND, STATE_CONFLICT, APPROVAL_INVALID, REVOKED, POLICY_DENIED */
    async decide(request: { approvalId: string; decision: string }, call: CallContext): Promise<ApprovalRecord> {
      await look("approver", request.approvalId);
      await lookAtReason(request.approvalId, request.decision);
      const made = await deps.queue.run((tx) => decide(tx, request, call), { finishing: true });
      if (made instanceof GaggleError) throw made;
      return made;
    },

    /** A request that came in; again, the decision is told again. @throws GaggleError ENVELOPE_INVALID where the hash is not of the payload, CONFLICT for the same id with other content */
    onRequest(tx: Transaction, incoming: SessionIncoming, request: MessageOf<"approval.request">): undefined {
      const { from, traceId, dataClasses } = incoming;
      const { approvalId, payload, payloadHash, sessionId, stepId, quorum, deadline } = request;
      if (canonicalHash(payload) !== payloadHash) {
        throw new GaggleError("ENVELOPE_INVALID", "The approval's hash is not that of its payload; send it again.");
      }
      const known = readApproval(tx, "approver", approvalId);
      if (known !== undefined) {
        if (known.peer.agentId === from.agentId && known.payloadHash === payloadHash) return tellAgain(tx, known);
        throw new GaggleError("CONFLICT", "Another approval has this id already; ask under a new id.");
      }
      const times = { createdAt: tx.now, updatedAt: tx.now, history: [{ at: tx.now, state: "PENDING" }] };
      const origin = { ...(sessionId === undefined ? {} : { sessionId }), ...(stepId === undefined ? {} : { stepId }) };
      const record = save(tx, {
        v: 1,
        side: "approver",
        approvalId,
        peer: from,
        state: "PENDING",
        payload,
        payloadHash,
        traceId,
        ...times,
        ...origin,
        ...(quorum === undefined ? {} : { quorum }),
        ...(deadline === undefined ? {} : { deadline }),
        ...(dataClasses === undefined ? {} : { dataClasses }),
      });
      deps.openItems.opened(tx, "approval", approvalId, incoming);
      if (deadline !== undefined) deps.plan?.(tx, deadline, approvalId);
      audit(tx, record, "approval.receive");
    },

    /** The requester needs no decision any more. A decision that was made stays as it is here; its history says how the approval ended. */
    onEnd(tx: Transaction, { from }: SessionIncoming, { approvalId, state, calledOff }: MessageOf<"approval.end">): undefined {
      const record = readApproval(tx, "approver", approvalId);
      if (record?.peer.agentId !== from.agentId) throw unknownApproval();
      if (record.state === "PENDING") {
        const reason = calledOff === true ? "Whoever asked has called it off." : `It is over: ${state}.`;
        save(tx, moveApproval(record, tx.now, state === "EXPIRED" ? "EXPIRED" : "ENDED", { reason }));
        audit(tx, record, "approval.end", { details: { state, ...(calledOff === undefined ? {} : { calledOff }) } });
      } else if (record.state !== state) save(tx, noteApproval(record, tx.now, `the approval as a whole ended as ${state}`));
    },

    /** The time of an approval may be over. */
    look(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "approver", approvalId);
      if (record?.state !== "PENDING" || !isTooLate(record, tx.now)) return;
      save(tx, moveApproval(record, tx.now, "EXPIRED", { reason: "Its time is over." }));
      audit(tx, record, "approval.end", { result: "failed", details: { state: "EXPIRED" } });
    },
  };
}
