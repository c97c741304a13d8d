/** Who has signed that something may be done, held against what policy obliges to. Separation of duties counts subjects, not devices. Spec M10, P1. */
import type { Principal } from "../contract/identity.ts";
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import type { Obligation, PolicyDecision, PolicyEngine } from "../contract/ports.ts";

/** A person whose signed approval was checked. What is left out was not known; policy then lets them decide nothing. */
export interface Approver {
  readonly subject: string;
  readonly role: string;
  /** By the signed org chart. */
  readonly department?: string;
  /** That of the approval key: on which machine it was unlocked, nobody else can tell. */
  readonly agentId?: string;
  readonly approvalId?: string;
  /** Roles of those who report to them, by the signed org chart. */
  readonly over?: readonly string[];
  /** When they decided, and until when they were to, as they signed it; ms since the epoch. */
  readonly decidedAt?: number;
  readonly deadline?: number;
  /** Classes in what they approved, by the guard of the machine that counts them. */
  readonly dataClasses?: readonly string[];
}

/** Who signed a decision, by roster and org chart. */
export interface Signatory extends Principal {
  /** Roles of those who report to them. */
  readonly over: readonly string[];
}

/** What policy says of one who has signed. */
export interface ApproverDecision {
  readonly approver: Approver;
  readonly decision: PolicyDecision;
}

const UNPLACED: PolicyDecision = {
  allowed: false,
  rules: [],
  reason: "The signed org chart does not say who the approver is.",
  policyHash: "0".repeat(64),
};

/**
 * Asks policy about each who has signed, as the asker and the approver had to: whether this person may decide for the requester, on these classes,
 * beside those who count already. A subject counts once.
 * @param requester who asked
 */
export function askAboutApprovers(policy: PolicyEngine, approvers: readonly Approver[], requester: Principal): readonly ApproverDecision[] {
  const counted = new Set([requester.subject]);
  const asked: ApproverDecision[] = [];
  for (const approver of approvers) {
    const { subject, role, department, agentId, dataClasses } = approver;
    if (counted.has(subject)) continue;
    const context = { participants: [...counted], unattended: false, ...(dataClasses === undefined ? {} : { dataClasses }) };
    const decision =
      department === undefined || agentId === undefined
        ? UNPLACED
        : policy.decide(
            {
              action: "approval.decide",
              principal: { agentId, subject, role, department },
              target: requester,
              targetRole: requester.role,
              context,
            },
            { counts: false },
          );
    asked.push({ approver, decision });
    if (decision.allowed) counted.add(subject);
  }
  return asked;
}

/** Those whom policy lets decide. */
export const counting = (asked: readonly ApproverDecision[]): readonly Approver[] =>
  asked.flatMap(({ approver, decision }) => (decision.allowed ? [approver] : []));

/** An approval that a decision obliges to. */
export type WantedApproval = Extract<Obligation, { kind: "approval" }>;

/** The approvals that a decision obliges to, one of each role. */
export const wantedApprovals = ({ obligations = [] }: PolicyDecision): readonly WantedApproval[] => [
  ...new Map(obligations.flatMap((one) => (one.kind === "approval" ? [[one.role, one] as const] : []))).values(),
];

/** `executive`, or `2 people of executive`. */
export const approvalWords = ({ role, quorum = 1 }: Pick<WantedApproval, "quorum" | "role">): string =>
  quorum === 1 ? role : `${quorum} people of ${role}`;

const isOfRole = ({ role, escalates }: WantedApproval, approver: Approver): boolean =>
  approver.role === role || (escalates === true && approver.over?.includes(role) === true);

/** Whether it was signed within a time no longer than policy gives, as what was signed says itself. */
const isInTime = ({ withinMs }: WantedApproval, { decidedAt, deadline }: Approver): boolean =>
  withinMs === undefined ||
  (decidedAt !== undefined && deadline !== undefined && decidedAt < deadline && deadline - decidedAt <= withinMs + CLOCK_LEEWAY_MS);

/** Approvals that are still missing, in words: fewer different subjects have signed than policy wants. @param asker its own approval counts for nothing */
export const missingApprovals = (decision: PolicyDecision, approvers: readonly Approver[], asker: string): readonly string[] =>
  wantedApprovals(decision)
    .filter((wanted) => {
      const signed = approvers.filter((one) => one.subject !== asker && isOfRole(wanted, one) && isInTime(wanted, one));
      return new Set(signed.map(({ subject }) => subject)).size < (wanted.quorum ?? 1);
    })
    .map(approvalWords);
