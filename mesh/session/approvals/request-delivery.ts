/** What the delivery of a request for an approval means for it. */
import { GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { PolicyDecision, PolicyQuestion, Transaction } from "../../contract/ports.ts";
import { type ApprovalRecord, readApproval } from "../approval-record.ts";
import type { SessionDeps } from "../ports.ts";
import { type ApprovalSteps, classesIn, moveApproval } from "./approval-steps.ts";

/** What following a request needs. */
export interface RequestDeliveryDeps extends Pick<SessionDeps, "policy" | "self"> {
  readonly steps: Pick<ApprovalSteps, "save">;
  /** A request that this agent made was decided, or can't be. */
  onDecided?(tx: Transaction, record: ApprovalRecord): void;
}

/** Whether this agent may ask for the approval. */
export const requestQuestion = (self: Principal, record: ApprovalRecord, unattended: boolean): PolicyQuestion => ({
  action: "approval.request",
  principal: self,
  target: record.peer,
  targetRole: record.peer.role,
  context: { participants: [self.subject], unattended, ...classesIn(record) },
});

/** Makes it. */
export function createRequestDelivery(deps: RequestDeliveryDeps) {
  const { save } = deps.steps;

  return {
    /** The request waits, sealed, on the bootstrap node. */
    onDeposited(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.delivery === "queued") save(tx, { ...record, delivery: "deposited" });
    },

    /** The approver's disk has the request. */
    onDelivered(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.delivery === "queued" || record?.delivery === "deposited") save(tx, { ...record, delivery: "stored" });
    },

    /** The request can't be delivered. */
    onDead(tx: Transaction, approvalId: string, failure: { code: string; reason: string }): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state !== "PENDING" || record.delivery === "stored") return;
      deps.onDecided?.(
        tx,
        save(tx, moveApproval(record, tx.now, "FAILED", { delivery: "dead", reason: `${failure.code}: ${failure.reason}` })),
      );
    },

    /** The request was taken out before it was ever sent. */
    onWithdrawn(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state === "PENDING")
        deps.onDecided?.(
          tx,
          save(tx, moveApproval(record, tx.now, "FAILED", { delivery: "dead", reason: "withdrawn before it was sent" })),
        );
    },

    /** A person sends a dead request again. Policy is asked again; what it denies stays as it is. @throws GaggleError STATE_CONFLICT */
    onRetry(tx: Transaction, approvalId: string): PolicyDecision {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state !== "FAILED" || record.delivery !== "dead") {
        throw new GaggleError("STATE_CONFLICT", "This approval has ended for another reason than its delivery; ask for a new one instead.");
      }
      const decision = deps.policy.decide(requestQuestion(deps.self, record, false));
      if (!decision.allowed) return decision;
      const { reason: _, ...kept } = moveApproval(record, tx.now, "PENDING", { delivery: "queued" });
      save(tx, kept);
      return decision;
    },
  };
}
