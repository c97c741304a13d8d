/**
 * Who was asked for an approval, what came back, and what follows. Pure. Invariants, whatever comes in whatever order, twice or late:
 *
 * 1. It is APPROVED only where as many different subjects as its quorum have approved, each before the deadline, none of them the requester.
 * 2. One no before that ends it as REJECTED.
 * 3. From the deadline on nothing counts: what is open then is EXPIRED.
 * 4. What has ended stays as it ended, but for a request that could not be delivered and is sent again by a person.
 *
 * Source: spec M10; docs/decisions/0122-quorum-deadline-escalation.md
 */
import type { ApprovalStatement } from "../../contract/message.ts";
import type { ApprovalRecord, AskedPerson } from "../approval-record.ts";

/** The record in its next state. */
export const moveApproval = (
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

/** The record with a line of history and the same state. */
export const noteApproval = (record: ApprovalRecord, nowMs: number, note: string): ApprovalRecord => ({
  ...record,
  updatedAt: nowMs,
  history: [...record.history, { at: nowMs, state: record.state, note }],
});

/** Everybody who was asked; of a record of an earlier version the one. */
export function askedOf({ asked, peer, createdAt, delivery = "queued", state, decision }: ApprovalRecord): readonly AskedPerson[] {
  if (asked !== undefined) return asked;
  const yes = state === "APPROVED" && decision !== undefined ? { decision } : {};
  return [{ to: peer, at: createdAt, because: "asked", delivery, ...yes }];
}

/** How far the requests have got: as far as the one that got farthest. */
const deliveryOf = (asked: readonly AskedPerson[]): AskedPerson["delivery"] =>
  (["stored", "deposited", "queued"] as const).find((how) => asked.some(({ delivery }) => delivery === how)) ?? "dead";

/** The record with others asked, or with more known of them. */
export const withAsked = (record: ApprovalRecord, asked: readonly AskedPerson[]): ApprovalRecord => ({
  ...record,
  asked,
  delivery: deliveryOf(asked),
});

/** The record with something changed of one who was asked. */
export const withPerson = (record: ApprovalRecord, agentId: string, change: Partial<AskedPerson>): ApprovalRecord =>
  withAsked(
    record,
    askedOf(record).map((one) => (one.to.agentId === agentId ? { ...one, ...change } : one)),
  );

/** How many different subjects have to approve. */
export const quorumOf = ({ quorum = 1 }: Pick<ApprovalRecord, "quorum">): number => quorum;

/** Subjects who have approved; devices of one person are one. */
export const approvedBy = (record: ApprovalRecord): readonly string[] => [
  ...new Set(askedOf(record).flatMap(({ to, decision }) => (decision === undefined ? [] : [to.subject]))),
];

/** Those who may still decide. */
export const undecided = (record: ApprovalRecord): readonly AskedPerson[] => {
  const done = new Set(approvedBy(record));
  return askedOf(record).filter(({ to, delivery }) => delivery !== "dead" && !done.has(to.subject));
};

/** Whether enough people are left for the quorum. */
export const isPossible = (record: ApprovalRecord): boolean =>
  approvedBy(record).length + new Set(undecided(record).map(({ to }) => to.subject)).size >= quorumOf(record);

/** Whether its time is over. */
export const isTooLate = ({ deadline }: Pick<ApprovalRecord, "deadline">, nowMs: number): boolean =>
  deadline !== undefined && nowMs >= deadline;

/** `1 of 2 have approved`. */
export const voteWords = (record: ApprovalRecord): string => `${approvedBy(record).length} of ${quorumOf(record)} have approved`;

/**
 * The record with a checked decision of one who was asked; as it is where it is over, or this person has approved already.
 * @param agentId the agent that was asked
 */
export function withDecision(
  record: ApprovalRecord,
  nowMs: number,
  { agentId, jws, statement }: { readonly agentId: string; readonly jws: string; readonly statement: ApprovalStatement },
): ApprovalRecord {
  const { approver, reason } = statement;
  if (record.state !== "PENDING" || approvedBy(record).includes(approver.subject)) return record;
  if (isTooLate(record, nowMs)) return expired(record, nowMs);
  if (statement.decision === "rejected") return moveApproval(record, nowMs, "REJECTED", { decision: jws, approver, reason });
  const next = withPerson(record, agentId, { decision: jws, delivery: "stored" });
  if (approvedBy(next).length < quorumOf(next)) return noteApproval(next, nowMs, `${approver.subject} approved; ${voteWords(next)}`);
  return moveApproval(next, nowMs, "APPROVED", { decision: jws, approver, reason });
}

/** The record once its time is over. */
export const expired = (record: ApprovalRecord, nowMs: number): ApprovalRecord =>
  moveApproval(record, nowMs, "EXPIRED", { reason: `Its time is over; ${voteWords(record)}. Ask again with a later deadline.` });
