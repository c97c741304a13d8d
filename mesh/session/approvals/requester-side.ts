/** The side that asks for an approval: ask, and believe a decision only after its own check against the roster. */
import { errorCode, ERROR_TABLE, GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { DaemonRequest } from "../../contract/daemon-api.ts";
import { newUuid } from "../../contract/ids.ts";
import { canonicalHash, sha256Hex } from "../../contract/json.ts";
import { MAX_APPROVAL_MS, MAX_ASKED_APPROVERS } from "../../contract/limits.ts";
import type { Message, MessageOf } from "../../contract/message.ts";
import type { PolicyDecision, Transaction } from "../../contract/ports.ts";
import { decisionDetails } from "../../enforcement/decision-details.ts";
import { type ApprovalRecord, readApproval } from "../approval-record.ts";
import { earlierId, rememberId } from "../once.ts";
import { policyDenied } from "../policy-denied.ts";
import type { CallContext, SessionDeps, SessionIncoming } from "../ports.ts";
import { indexSession } from "../session-index.ts";
import { type ApprovalSteps, decidedBy, messageFor, requestMessage, unknownApproval } from "./approval-steps.ts";
import type { ApproverBook } from "./approver-book.ts";
import { requestQuestion, type RequesterSteps } from "./requester-steps.ts";
import { approvedBy, askedOf, expired, isTooLate, moveApproval, quorumOf, withDecision, withPerson } from "./votes.ts";

/** What asking needs. */
export interface RequesterSideDeps extends Pick<SessionDeps, "classesOf" | "policy" | "queue" | "random" | "resolve" | "self" | "sender"> {
  readonly steps: Pick<ApprovalSteps, "audit" | "check" | "look" | "mayDecide" | "must" | "save">;
  readonly requester: Pick<RequesterSteps, "ask" | "end" | "planRound">;
  /** Who can sign; left out, one is asked and nobody else. */
  readonly book?: ApproverBook;
}

type Request = DaemonRequest<"approval.request">;
type Asked = readonly { readonly to: Principal; readonly decision: PolicyDecision }[];

/** How many have to approve by when. @throws GaggleError INVALID_INPUT */
function termsOf(
  { quorum = 1, deadline, escalate = false }: Request,
  nowMs: number,
): Pick<ApprovalRecord, "deadline" | "escalates" | "quorum"> {
  const at = deadline === undefined ? undefined : Date.parse(deadline);
  if (at !== undefined && (at <= nowMs || at > nowMs + MAX_APPROVAL_MS))
    throw new GaggleError("INVALID_INPUT", "The deadline of an approval has to be ahead, at most 90 days; give another one.");
  if (escalate && at === undefined) throw new GaggleError("INVALID_INPUT", "An approval escalates by its deadline; give one.");
  return {
    ...(quorum === 1 ? {} : { quorum }),
    ...(at === undefined ? {} : { deadline: at }),
    ...(escalate ? { escalates: true } : {}),
  };
}

const tooFew = (quorum: number, found: number): GaggleError =>
  new GaggleError(
    "NO_ROUTE",
    `The approval needs ${quorum} different people, and ${found} can be asked: known agents of people on the roster whom policy lets be asked. See gaggle peers.`,
    { details: { quorum, found } },
  );

/** What the audit says of how it is asked. */
const termDetails = ({ quorum, deadline, escalates }: ApprovalRecord): Readonly<Record<string, string | number | boolean>> => ({
  ...(quorum === undefined ? {} : { quorum }),
  ...(deadline === undefined ? {} : { deadline: new Date(deadline).toISOString() }),
  ...(escalates === undefined ? {} : { escalates }),
});

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
    const { payload, stepId, sessionId, target } = request;
    const origin = { stepId, ...(sessionId === undefined ? {} : { sessionId }) };
    const terms = termsOf(request, tx.now);
    const people = terms.quorum === undefined ? [deps.resolve(target, "approval.request")] : (deps.book?.candidates(target) ?? []);
    const [peer] = people;
    if (peer === undefined) throw tooFew(terms.quorum ?? 1, 0);
    const made: ApprovalRecord = {
      v: 1,
      side: "requester",
      approvalId: newUuid(tx.now, deps.random),
      peer,
      state: "PENDING",
      payload,
      payloadHash: canonicalHash(payload),
      delivery: "queued",
      traceId: call.traceId,
      createdAt: tx.now,
      updatedAt: tx.now,
      history: [{ at: tx.now, state: "PENDING" }],
      round: tx.now,
      ...origin,
      ...terms,
      ...(dataClasses === undefined ? {} : { dataClasses }),
      ...(call.unattended === true ? { unattended: true } : {}),
    };
    const asked = allowedOf(tx, made, key, people);
    if ("allowed" in asked) return asked;
    rememberId(tx, once, made.approvalId);
    indexSession(tx, sessionId, "approval", made.approvalId);
    let record = { ...made, peer: asked[0]?.to ?? peer };
    for (const { to, decision } of asked) {
      audit(tx, record, "approval.request", { by: call.actor, person: to, details: termDetails(record) });
      record = deps.requester.ask(tx, record, to, { because: "asked", decision, key });
    }
    deps.requester.planRound(tx, record);
    return save(tx, record);
  };

  /** Those whom policy lets be asked; its word where it denies one that is needed, which is recorded. */
  const allowedOf = (tx: Transaction, record: ApprovalRecord, key: string, people: readonly Principal[]): Asked | PolicyDecision => {
    const quorum = quorumOf(record);
    const asked = people.slice(0, MAX_ASKED_APPROVERS).map((to) => {
      const question = requestQuestion(deps.self, record, to);
      return { to, question, decision: deps.policy.decide(question) };
    });
    const allowed = asked.filter(({ decision }) => decision.allowed);
    if (allowed.length >= quorum) return allowed;
    const denied = asked.filter(({ decision }) => !decision.allowed);
    for (const { to, question, decision } of denied)
      deps.sender.auditDenied(tx, { ...messageFor(record, requestMessage(record, key), decision, to), question });
    if (denied[0] === undefined) throw tooFew(quorum, allowed.length);
    return denied[0].decision;
  };

  /** A decision for an approval whose time is over, or that came as it ended. */
  const tooLate = (tx: Transaction, record: ApprovalRecord, person: Principal): undefined => {
    audit(tx, record, "approval.accept", { person, result: "denied", details: { code: "EXPIRED" } });
    deps.requester.end(tx, expired(record, tx.now));
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

    /** Nothing waits for an approval any more; one that has ended stays as it is. */
    withdraw(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state !== "PENDING") return;
      const ended = moveApproval(record, tx.now, "FAILED", { reason: "withdrawn: nothing waits for it any more" });
      deps.requester.end(tx, ended, { calledOff: true });
    },

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
      const person = record && askedOf(record).find(({ to }) => to.subject === from.subject && to.role === from.role)?.to;
      if (record === undefined || person === undefined) throw unknownApproval();
      if (record.state !== "PENDING" || approvedBy(record).includes(person.subject)) return undefined;
      if (isTooLate(record, tx.now)) return tooLate(tx, record, person);
      try {
        const statement = check(record, decision, person);
        const policy = mayDecide(record, person);
        if (!policy.allowed) throw policyDenied(policy);
        audit(tx, record, "approval.accept", {
          person,
          details: { ...decidedBy(statement), asked: "approval.decide", ...decisionDetails(policy) },
        });
        const reached = withPerson(record, person.agentId, { delivery: "stored" });
        const next = withDecision(reached, tx.now, { agentId: person.agentId, jws: decision, statement });
        if (next.state === "PENDING") save(tx, next);
        else deps.requester.end(tx, next, { decider: person.agentId });
        return undefined;
      } catch (error) {
        // Such as the own bundle's expiry: the decision comes again.
        if (error instanceof GaggleError && ERROR_TABLE[error.code].retryable) throw error;
        if (isUnknownKey(error)) return olderRoster(tx, record, decision);
        audit(tx, record, "approval.accept", { person, result: "denied", details: { code: errorCode(error) } });
        return error instanceof GaggleError
          ? error
          : new GaggleError("APPROVAL_INVALID", "The approval could not be checked, so it does not count.", { cause: error });
      }
    },
  };
}
