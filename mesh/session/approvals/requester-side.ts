/** The side that asks for an approval: ask, and believe a decision only after its own check against the roster. */
import { errorCode, ERROR_TABLE, GaggleError } from "../../contract/errors.ts";
import type { DaemonRequest } from "../../contract/daemon-api.ts";
import { newUuid } from "../../contract/ids.ts";
import { canonicalHash, sha256Hex } from "../../contract/json.ts";
import type { Message, MessageOf } from "../../contract/message.ts";
import type { PolicyDecision, Transaction } from "../../contract/ports.ts";
import { decisionDetails } from "../../enforcement/decision-details.ts";
import { type ApprovalRecord, readApproval } from "../approval-record.ts";
import { earlierId, rememberId } from "../once.ts";
import { policyDenied } from "../policy-denied.ts";
import type { CallContext, SessionDeps, SessionIncoming } from "../ports.ts";
import { indexSession } from "../session-index.ts";
import { type ApprovalSteps, decided, decidedBy, messageFor, unknownApproval } from "./approval-steps.ts";
import { requestQuestion } from "./request-delivery.ts";

/** What asking needs. */
export interface RequesterSideDeps extends Pick<SessionDeps, "classesOf" | "policy" | "queue" | "random" | "resolve" | "self" | "sender"> {
  readonly steps: Pick<ApprovalSteps, "audit" | "check" | "look" | "mayDecide" | "must" | "save">;
  /** A request that this agent made was decided, or can't be. */
  onDecided?(tx: Transaction, record: ApprovalRecord): void;
}

const isUnknownKey = (error: unknown): boolean => error instanceof GaggleError && error.details["unknownKey"] === true;

/** Makes it. */
export function createRequesterSide(deps: RequesterSideDeps) {
  const { audit, check, look, mayDecide, must, save } = deps.steps;

  const create = (
    tx: Transaction,
    request: DaemonRequest<"approval.request">,
    call: CallContext,
    dataClasses?: readonly string[],
  ): ApprovalRecord | PolicyDecision => {
    // In which chat it is asked is no part of what is asked: a recipe that is run again asks the same in another one.
    const { idempotencyKey: key, sessionId: _, ...content } = request;
    const once = { verb: "approval.request", key, content };
    const earlier = earlierId(tx, once);
    if (earlier !== undefined) return must(tx, "requester", earlier);
    const { payload, stepId, sessionId } = request;
    const origin = { stepId, ...(sessionId === undefined ? {} : { sessionId }) };
    const record: ApprovalRecord = {
      v: 1,
      side: "requester",
      approvalId: newUuid(tx.now, deps.random),
      peer: deps.resolve(request.target, "approval.request"),
      state: "PENDING",
      payload,
      payloadHash: canonicalHash(payload),
      delivery: "queued",
      traceId: call.traceId,
      createdAt: tx.now,
      updatedAt: tx.now,
      history: [{ at: tx.now, state: "PENDING" }],
      ...origin,
      ...(dataClasses === undefined ? {} : { dataClasses }),
    };
    const { approvalId, payloadHash } = record;
    const question = requestQuestion(deps.self, record, call.unattended === true);
    const decision = deps.policy.decide(question);
    const message = { type: "approval.request" as const, approvalId, payload, payloadHash, idempotencyKey: key, ...origin };
    if (!decision.allowed) {
      deps.sender.auditDenied(tx, { ...messageFor(record, message, decision), question });
      return decision;
    }
    rememberId(tx, once, approvalId);
    indexSession(tx, sessionId, "approval", approvalId);
    audit(tx, record, "approval.request", { by: call.actor });
    deps.sender.enqueue(tx, { ...messageFor(record, message, decision), question });
    return save(tx, record);
  };

  /** The approver's roster may be newer: the decision comes again until this agent's bundle names the key or the message expires. Recorded once. */
  const olderRoster = (tx: Transaction, record: ApprovalRecord, decision: string): GaggleError => {
    const unknownKeyOf = sha256Hex(decision);
    if (record.unknownKeyOf !== unknownKeyOf) {
      audit(tx, record, "approval.accept", { result: "denied", details: { code: "ROSTER_OLDER" } });
      save(tx, { ...record, unknownKeyOf });
    }
    return new GaggleError(
      "ROSTER_OLDER",
      "The approver's key is not on the roster here; the decision counts once a newer bundle names it.",
    );
  };

  return {
    /** Asks for an approval in a transaction, for what waits for it; what policy says where it may not be asked for. @throws GaggleError NO_ROUTE, TOO_LARGE */
    ask: (tx: Transaction, request: DaemonRequest<"approval.request">, call: CallContext): ApprovalRecord | PolicyDecision =>
      create(tx, request, call),

    /** What has to be known before a message about an approval counts. @throws GaggleError GUARD_REFUSED */
    prepare: async (message: Message): Promise<void> => {
      if (message.type === "approval.decision") await look("requester", message.approvalId);
    },

    /** Asks for an approval, once per idempotency key. @throws GaggleError POLICY_DENIED, NO_ROUTE, CONFLICT, TOO_LARGE */
    async request(request: DaemonRequest<"approval.request">, call: CallContext): Promise<ApprovalRecord> {
      const dataClasses = await deps.classesOf?.(request.payload);
      const made = await deps.queue.run((tx) => create(tx, request, call, dataClasses));
      if ("allowed" in made) throw policyDenied(made);
      return made;
    },

    /** A decision that came in. One that does not count is recorded, refused and changes nothing. */
    onDecision(
      tx: Transaction,
      { from }: SessionIncoming,
      { approvalId, decision }: MessageOf<"approval.decision">,
    ): GaggleError | undefined {
      const record = readApproval(tx, "requester", approvalId);
      // Any machine of the person may have got it from the mailbox; whose decision it is, the signature says.
      if (record?.peer.subject !== from.subject || record.peer.role !== from.role) throw unknownApproval();
      if (record.state !== "PENDING") return undefined;
      try {
        const statement = check(record, decision);
        const policy = mayDecide(record);
        if (!policy.allowed) throw policyDenied(policy);
        audit(tx, record, "approval.accept", {
          details: { ...decidedBy(statement), asked: "approval.decide", ...decisionDetails(policy) },
        });
        deps.onDecided?.(tx, save(tx, { ...decided(record, tx.now, decision, statement), delivery: "stored" }));
        return undefined;
      } catch (error) {
        // Such as the own bundle's expiry: the decision comes again.
        if (error instanceof GaggleError && ERROR_TABLE[error.code].retryable) throw error;
        if (isUnknownKey(error)) return olderRoster(tx, record, decision);
        audit(tx, record, "approval.accept", { result: "denied", details: { code: errorCode(error) } });
        return error instanceof GaggleError
          ? error
          : new GaggleError("APPROVAL_INVALID", "The approval could not be checked, so it does not count.", { cause: error });
      }
    },
  };
}
