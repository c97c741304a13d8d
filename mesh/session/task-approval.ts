/**
 * Tasks that policy lets go only with a signed approval: what exactly is approved, and how the receiver checks what came with the task.
 * docs/decisions/0105-approval-before-sending.md
 */
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { canonicalHash, type Json } from "../contract/json.ts";
import type { ApprovalStatement, Message, MessageOf } from "../contract/message.ts";
import type { Approver, Signatory } from "../enforcement/approvers.ts";
import type { ExpectedDecision } from "./approval-record.ts";

type TaskRequest = MessageOf<"task.request">;

/** Times, ids of the caller and the approvals themselves are no part of it: at the boundary some are replaced, and nothing is done differently by them. */
const APPROVED = ["taskId", "skill", "task", "context", "policyHints", "parts", "artifacts", "resultSchema", "session"] as const;

/** What the approver sees and signs: exactly what is asked, and of whom. */
export function approvalPayload(request: TaskRequest, to: Pick<Principal, "subject" | "role">): Json {
  const asked = APPROVED.flatMap((name) => (request[name] === undefined ? [] : [[name, request[name] as Json] as const]));
  return { kind: "task", to: { subject: to.subject, role: to.role }, ...Object.fromEntries(asked) };
}

/** When it was decided, and until when that was to be, ms since the epoch. */
const timesOf = ({ decidedAt, deadline }: ApprovalStatement): { decidedAt: number; deadline?: number } => ({
  decidedAt: Date.parse(decidedAt),
  ...(deadline === undefined ? {} : { deadline: Date.parse(deadline) }),
});

/** What checking needs. */
export interface ApproversDeps {
  readonly self: Principal;
  /** @throws GaggleError APPROVAL_INVALID, REVOKED */
  verifyApproval(jws: string, expected: ExpectedDecision): ApprovalStatement;
  /** Who signed a decision, as policy is asked about them; undefined where the roster or the org chart does not have them. */
  approverOf(decision: string): Signatory | undefined;
}

/**
 * Whose approvals of exactly this task came with it; what does not hold is left out. Whether policy lets them decide is asked by who counts them.
 * @param dataClasses classes in the task, where this agent's guard looked
 * @throws GaggleError ROSTER_OLDER where this agent's bundle does not name the key yet
 */
export function approversOf(
  { self, verifyApproval, approverOf }: ApproversDeps,
  from: Principal,
  message: Message,
  dataClasses?: readonly string[],
): Approver[] {
  if (message.type !== "task.request" || message.approvals === undefined) return [];
  const payloadHash = canonicalHash(approvalPayload(message, self));
  return message.approvals.flatMap(({ approvalId, decision }) => {
    try {
      const expected = { approvalId, requester: from.agentId, requesterSubject: from.subject, payloadHash };
      const statement = verifyApproval(decision, expected);
      const times = timesOf(statement);
      if (statement.decision !== "approved" || (times.deadline !== undefined && times.decidedAt >= times.deadline)) return [];
      const { agentId, department, over } = approverOf(decision) ?? {};
      const place = agentId === undefined || department === undefined || over === undefined ? {} : { agentId, department, over };
      return [{ ...statement.approver, ...place, approvalId, ...times, ...(dataClasses === undefined ? {} : { dataClasses }) }];
    } catch (error) {
      if (!(error instanceof GaggleError)) throw error;
      if (error.details["unknownKey"] === true)
        throw new GaggleError(
          "ROSTER_OLDER",
          "The approver's key is not on the roster here; the task is taken once a newer bundle names it.",
        );
      if (error.code !== "APPROVAL_INVALID" && error.code !== "REVOKED") throw error;
      return [];
    }
  });
}
