/**
 * Approvals: ask a person of another agent for a signed decision on exactly one payload. The approver's daemon takes a decision that was signed
 * outside it; the requester's daemon believes it only after its own check against the roster. Sans-IO. Source: spec M10; design, Trust.
 */
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import type { DaemonRequest } from "../contract/daemon-api.ts";
import { ERROR_TABLE, errorCode, GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import { canonicalHash, sha256Hex } from "../contract/json.ts";
import type { ApprovalStatement, Message, MessageOf } from "../contract/message.ts";
import type { OutgoingMessage, PolicyDecision, PolicyQuestion, Transaction } from "../contract/ports.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import { approvalKey, type ApprovalRecord, type ExpectedDecision, readApproval } from "./approval-record.ts";
import type { Changes } from "./changes.ts";
import { indexItem } from "./inbox.ts";
import { earlierId, rememberId } from "./once.ts";
import { policyDenied } from "./policy-denied.ts";
import type { CallContext, SessionDeps, SessionIncoming } from "./ports.ts";
import { indexSession } from "./session-index.ts";

/** What approvals need. */
export interface ApprovalDeps extends SessionDeps {
  readonly changes: Changes;
  /** Checks a decision against the roster of the newest bundle. @throws GaggleError APPROVAL_INVALID, REVOKED */
  verifyApproval(jws: string, expected: ExpectedDecision): ApprovalStatement;
  /** A request that this agent made was decided, or can't be. */
  onDecided?(tx: Transaction, record: ApprovalRecord): void;
}

const unknown = (): GaggleError => new GaggleError("NOT_FOUND", "No such approval is known here; check the approval id.");
const mismatch = (): GaggleError =>
  new GaggleError("APPROVAL_INVALID", "The approval was decided by another person or role than the one that was asked.");

const isUnknownKey = (error: unknown): boolean => error instanceof GaggleError && error.details["unknownKey"] === true;

/** Makes both sides of approvals. */
export function createApprovals(deps: ApprovalDeps) {
  const actor = actorOf(deps.self);

  const save = (tx: Transaction, record: ApprovalRecord): ApprovalRecord => {
    const { approvalId: id, side, createdAt, state } = record;
    tx.put(approvalKey(side, id), JSON.stringify(record));
    if (side === "approver") indexItem(tx, { kind: "approval", id, createdAt }, state === "PENDING");
    if (side === "approver" && state !== "PENDING") deps.openItems.closed(tx, "approval", id);
    deps.changes.changed(tx, [id, record.sessionId]);
    return record;
  };

  const move = (
    record: ApprovalRecord,
    nowMs: number,
    state: ApprovalRecord["state"],
    change: Partial<ApprovalRecord>,
  ): ApprovalRecord => ({
    ...record,
    ...change,
    state,
    updatedAt: nowMs,
    history: [...record.history, { at: nowMs, state }],
  });

  const audit = (
    tx: Transaction,
    record: ApprovalRecord,
    action: `approval.${"request" | "receive" | "open" | "decide" | "accept"}`,
    outcome: { by?: AuditDraft["actor"]; result?: AuditDraft["result"]; details?: Record<string, string> } = {},
  ): void =>
    tx.audit({
      actor: outcome.by ?? actor,
      action,
      target: `approval:${record.approvalId}`,
      result: outcome.result ?? "ok",
      details: { payloadHash: record.payloadHash, peerSubject: record.peer.subject, ...outcome.details },
      traceId: record.traceId,
    });

  const must = (tx: Pick<Transaction, "get">, side: ApprovalRecord["side"], id: string): ApprovalRecord => {
    const record = readApproval(tx, side, id);
    if (record === undefined) throw unknown();
    return record;
  };

  const classesIn = ({ dataClasses }: ApprovalRecord) => (dataClasses === undefined ? {} : { dataClasses });

  /** Policy of whether the approver may decide for the requester, on what is in the payload; asked by either side of its own set. */
  const mayDecide = (record: ApprovalRecord): PolicyDecision => {
    const { side, peer } = record;
    const [requester, approver] = side === "requester" ? [deps.self, peer] : [peer, deps.self];
    const context = { participants: [requester.subject], unattended: false, ...classesIn(record) };
    return deps.policy.decide({ action: "approval.decide", principal: approver, target: requester, targetRole: requester.role, context });
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

  /** The decision of exactly the person who was asked, about exactly this request. */
  const check = (record: ApprovalRecord, jws: string): ApprovalStatement => {
    const [requester, approver] = record.side === "requester" ? [deps.self, record.peer] : [record.peer, deps.self];
    const { approvalId, payloadHash } = record;
    const expected = { approvalId, payloadHash, requester: requester.agentId, requesterSubject: requester.subject };
    const statement = deps.verifyApproval(jws, expected);
    const same = statement.approvalId === approvalId && statement.payloadHash === payloadHash && statement.requester === requester.agentId;
    if (!same || statement.approver.subject !== approver.subject || statement.approver.role !== approver.role) throw mismatch();
    return statement;
  };

  const decided = (record: ApprovalRecord, nowMs: number, jws: string, { decision, approver, reason }: ApprovalStatement): ApprovalRecord =>
    move(record, nowMs, decision === "approved" ? "APPROVED" : "REJECTED", { decision: jws, approver, reason });

  const decidedBy = ({ decision, approver }: ApprovalStatement) => ({ decision, approver: approver.subject });

  const messageFor = (record: ApprovalRecord, message: OutgoingMessage["message"], decision?: PolicyDecision): OutgoingMessage => ({
    to: record.peer,
    message,
    priority: "P1",
    lane: record.approvalId,
    traceId: record.traceId,
    ref: record.approvalId,
    ...(record.sessionId === undefined ? {} : { sessionLane: record.sessionId }),
    ...(decision === undefined ? {} : { decision }),
  });

  const requestQuestion = (record: ApprovalRecord, unattended: boolean): PolicyQuestion => ({
    action: "approval.request",
    principal: deps.self,
    target: record.peer,
    targetRole: record.peer.role,
    context: { participants: [deps.self.subject], unattended, ...classesIn(record) },
  });

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
    const question = requestQuestion(record, call.unattended === true);
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

  /** The decided record; or why it does not count, which is recorded. */
  const decide = (tx: Transaction, request: { approvalId: string; decision: string }, call: CallContext): ApprovalRecord | GaggleError => {
    const record = must(tx, "approver", request.approvalId);
    if (record.state !== "PENDING") throw new GaggleError("STATE_CONFLICT", `The approval is ${record.state} already; it is decided once.`);
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
      const made = await deps.queue.run((tx) => decide(tx, request, call), { finishing: true });
      if (made instanceof GaggleError) throw made;
      return made;
    },

    /** @throws GaggleError ENVELOPE_INVALID where the hash is not of the payload, CONFLICT for the same id with other content */
    onRequest(tx: Transaction, incoming: SessionIncoming, request: MessageOf<"approval.request">): undefined {
      const { from, traceId, dataClasses } = incoming;
      const { approvalId, payload, payloadHash, sessionId, stepId } = request;
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
        ...(dataClasses === undefined ? {} : { dataClasses }),
      });
      deps.openItems.opened(tx, "approval", approvalId, incoming);
      audit(tx, record, "approval.receive");
    },

    /** A decision that came in. One that does not count is recorded, refused and changes nothing. */
    onDecision(
      tx: Transaction,
      { from }: SessionIncoming,
      { approvalId, decision }: MessageOf<"approval.decision">,
    ): GaggleError | undefined {
      const record = readApproval(tx, "requester", approvalId);
      // Any machine of the person may have got it from the mailbox; whose decision it is, the signature says.
      if (record?.peer.subject !== from.subject || record.peer.role !== from.role) throw unknown();
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

    /** The request waits, sealed, on the bootstrap node. */
    onDeposited(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.delivery === "queued") save(tx, { ...record, delivery: "deposited" });
    },

    onDelivered(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.delivery === "queued" || record?.delivery === "deposited") save(tx, { ...record, delivery: "stored" });
    },

    /** The request can't be delivered. */
    onDead(tx: Transaction, approvalId: string, failure: { code: string; reason: string }): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state !== "PENDING" || record.delivery === "stored") return;
      deps.onDecided?.(tx, save(tx, move(record, tx.now, "FAILED", { delivery: "dead", reason: `${failure.code}: ${failure.reason}` })));
    },

    /** The request was taken out before it was ever sent. */
    onWithdrawn(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state === "PENDING")
        deps.onDecided?.(tx, save(tx, move(record, tx.now, "FAILED", { delivery: "dead", reason: "withdrawn before it was sent" })));
    },

    /** A person sends a dead request again. Policy is asked again; what it denies stays as it is. @throws GaggleError STATE_CONFLICT */
    onRetry(tx: Transaction, approvalId: string): PolicyDecision {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state !== "FAILED" || record.delivery !== "dead") {
        throw new GaggleError("STATE_CONFLICT", "This approval has ended for another reason than its delivery; ask for a new one instead.");
      }
      const decision = deps.policy.decide(requestQuestion(record, false));
      if (!decision.allowed) return decision;
      const { reason: _, ...kept } = move(record, tx.now, "PENDING", { delivery: "queued" });
      save(tx, kept);
      return decision;
    },
  };
}
/** Both sides of approvals. */
export type Approvals = ReturnType<typeof createApprovals>;
