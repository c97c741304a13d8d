/**
 * How an approval goes on at whoever asked for it: who is asked next up the org chart, when it is looked at again, and its end. Sans-IO.
 * Invariant: nobody is asked twice, nor the requester, nor anybody who reports to them, nor whom policy does not let be asked and decide.
 * docs/decisions/0122-quorum-deadline-escalation.md
 */
import type { Principal } from "../../contract/identity.ts";
import { APPROVAL_LOOK_MS, MAX_ASKED_APPROVERS } from "../../contract/limits.ts";
import type { Message } from "../../contract/message.ts";
import type { PolicyDecision, PolicyQuestion, Transaction } from "../../contract/ports.ts";
import { decisionDetails } from "../../enforcement/decision-details.ts";
import { type ApprovalRecord, type AskedPerson, readApproval } from "../approval-record.ts";
import type { SessionDeps } from "../ports.ts";
import { type ApprovalSteps, classesIn, messageFor, requestMessage } from "./approval-steps.ts";
import type { ApproverBook } from "./approver-book.ts";
import {
  approvedBy,
  askedOf,
  expired,
  isPossible,
  isTooLate,
  moveApproval,
  noteApproval,
  quorumOf,
  undecided,
  withAsked,
} from "./votes.ts";

/** After this share of the time left, whoever has not got the request counts as away. */
const AWAY_SHARE = 0.25;
/** After this share of the time left, whoever has not decided is too slow. */
const SLOW_SHARE = 0.5;

/** Whether this agent may ask somebody for the approval. */
export const requestQuestion = (self: Principal, record: ApprovalRecord, to: Principal = record.peer): PolicyQuestion => ({
  action: "approval.request",
  principal: self,
  target: to,
  targetRole: to.role,
  context: { participants: [self.subject], unattended: record.unattended === true, ...classesIn(record) },
});

/** What going on needs. */
export interface RequesterStepsDeps extends Pick<SessionDeps, "policy" | "self" | "sender"> {
  readonly steps: Pick<ApprovalSteps, "audit" | "mayDecide" | "save">;
  /** Who can sign; left out, one is asked and nobody else. */
  readonly book?: ApproverBook;
  /** Has the approval looked at again at that time, ms since the epoch. */
  plan?(tx: Transaction, at: number, approvalId: string): void;
  /** Whether an agent's version knows a type of message; left out, every one does. */
  knows?(agentId: string, type: Message["type"]): boolean;
  /** A request that this agent made was decided, or can't be. */
  onDecided?(tx: Transaction, record: ApprovalRecord): void;
}

/** Makes the steps. */
export function createRequesterSteps(deps: RequesterStepsDeps) {
  const { audit, mayDecide, save } = deps.steps;

  const knowsEnds = (agentId: string): boolean => deps.knows?.(agentId, "approval.end") ?? true;

  /** Saves an approval that has ended, and tells whoever waits for it and whoever need not decide any more. @param how `decider`: agent whose decision ended it */
  const end = (
    tx: Transaction,
    record: ApprovalRecord,
    { decider, calledOff }: { readonly decider?: string; readonly calledOff?: true } = {},
  ): ApprovalRecord => {
    const { state, approvalId } = record;
    if (state === "EXPIRED" || state === "FAILED") audit(tx, record, "approval.end", { result: "failed", details: { state } });
    const told = askedOf(record).filter(({ to, delivery }) => delivery !== "dead" && to.agentId !== decider && knowsEnds(to.agentId));
    const why = calledOff ? { calledOff } : {};
    if (state === "APPROVED" || state === "REJECTED" || state === "EXPIRED" || state === "FAILED")
      for (const { to } of told)
        deps.sender.enqueue(tx, messageFor(record, { type: "approval.end", approvalId, state, ...why }, undefined, to));
    deps.onDecided?.(tx, save(tx, record));
    return record;
  };

  /** Plans when those who were asked last are looked at, and the end. */
  const planRound = (tx: Transaction, { approvalId, deadline, escalates, round = tx.now }: ApprovalRecord): void => {
    if (deadline === undefined) return;
    if (round === tx.now) deps.plan?.(tx, deadline, approvalId);
    const left = deadline - round;
    if (escalates !== true || left < 2 * APPROVAL_LOOK_MS) return;
    for (const share of [AWAY_SHARE, SLOW_SHARE]) deps.plan?.(tx, Math.ceil(round + left * share), approvalId);
  };

  /** Asks somebody; the record has them then. */
  const ask = (
    tx: Transaction,
    record: ApprovalRecord,
    to: Principal,
    { because, decision, key = record.approvalId }: { readonly because: string; readonly decision: PolicyDecision; readonly key?: string },
  ): ApprovalRecord => {
    const question = requestQuestion(deps.self, record, to);
    deps.sender.enqueue(tx, { ...messageFor(record, requestMessage(record, key), decision, to), question });
    return withAsked(record, [...(record.asked ?? []), { to, at: tx.now, because, delivery: "queued" }]);
  };

  /** The next one up the org chart who may be asked in somebody's place, with policy's word; undefined where there is none. */
  const nextAbove = (
    tx: Transaction,
    record: ApprovalRecord,
    person: Principal,
  ): { to: Principal; decision: PolicyDecision } | undefined => {
    const { book, self } = deps;
    const asked = askedOf(record);
    if (book === undefined || asked.length >= MAX_ASKED_APPROVERS) return undefined;
    for (const subject of book.above(person.subject)) {
      const isBelowRequester = book.above(subject).includes(self.subject);
      if (subject === self.subject || isBelowRequester || asked.some(({ to }) => to.subject === subject)) continue;
      const to = book.agentOf(subject);
      if (to === undefined) continue;
      const decision = deps.policy.decide(requestQuestion(self, record, to));
      const may = decision.allowed ? mayDecide(record, to, false) : decision;
      if (may.allowed) return { to, decision };
      audit(tx, record, "approval.escalate", { person: to, result: "denied", details: { ...decisionDetails(may) } });
    }
    return undefined;
  };

  /** Asks in the place of those who can't or don't decide as many others as votes are missing. @param late why of each */
  const escalate = (tx: Transaction, record: ApprovalRecord, late: readonly { person: AskedPerson; why: string }[]): ApprovalRecord => {
    let next = record;
    let missing = quorumOf(record) - approvedBy(record).length;
    for (const { person, why } of late) {
      if (missing <= 0) break;
      const found = nextAbove(tx, next, person.to);
      const because = `${person.to.subject} ${why}`;
      if (found === undefined) {
        next = noteApproval(next, tx.now, `${because}; nobody above them can be asked`);
        audit(tx, next, "approval.escalate", { person: person.to, result: "failed", details: { because } });
        continue;
      }
      missing--;
      next = noteApproval(
        ask(tx, next, found.to, { because, decision: found.decision }),
        tx.now,
        `${because}; ${found.to.subject} is asked`,
      );
      const { agentId, subject } = found.to;
      audit(tx, next, "approval.escalate", { person: person.to, details: { to: agentId, toSubject: subject, because } });
    }
    return next;
  };

  const whyLate = ({ to, delivery }: AskedPerson, { deadline = 0, round = 0 }: ApprovalRecord, nowMs: number): string | undefined => {
    const left = deadline - round;
    if (deps.book?.agentOf(to.subject) === undefined) return "has left or can't sign any more";
    if (nowMs >= round + left * SLOW_SHARE) return "did not decide in half of the time left";
    return delivery !== "stored" && nowMs >= round + left * AWAY_SHARE ? "is away and has not got the request" : undefined;
  };

  return {
    ask,
    end,
    planRound,

    /** Looks at an approval whose time may have come: its end, or others to be asked. */
    look(tx: Transaction, approvalId: string): void {
      const record = readApproval(tx, "requester", approvalId);
      if (record?.state !== "PENDING") return;
      if (isTooLate(record, tx.now)) return void end(tx, expired(record, tx.now));
      if (record.escalates !== true) return;
      const late = undecided(record).flatMap((person) => {
        const why = whyLate(person, record, tx.now);
        return why === undefined ? [] : [{ person, why }];
      });
      if (late.length === 0) return;
      const next = { ...escalate(tx, record, late), round: tx.now };
      planRound(tx, next);
      save(tx, next);
    },

    /** One who was asked can't be reached: another is, or with too few left it has failed. @param record with that person dead already */
    lost(tx: Transaction, record: ApprovalRecord, person: AskedPerson, reason: string): void {
      const next =
        record.escalates === true && !isTooLate(record, tx.now) ? escalate(tx, record, [{ person, why: "can't be reached" }]) : record;
      if (isPossible(next)) return void save(tx, next);
      end(tx, moveApproval(next, tx.now, "FAILED", { reason }));
    },
  };
}
/** How an approval goes on at whoever asked for it. */
export type RequesterSteps = ReturnType<typeof createRequesterSteps>;
