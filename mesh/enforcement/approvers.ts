/** Who has signed that something may be done, held against what policy obliges to. Separation of duties counts subjects, not devices. Spec M10, P1. */
import type { Principal } from "../contract/identity.ts";
import type { PolicyDecision, PolicyEngine } from "../contract/ports.ts";

/** A person whose signed approval was checked. What is left out was not known; policy then lets them decide nothing. */
export interface Approver {
  readonly subject: string;
  readonly role: string;
  /** By the signed org chart. */
  readonly department?: string;
  /** That of the approval key: on which machine it was unlocked, nobody else can tell. */
  readonly agentId?: string;
  readonly approvalId?: string;
  /** Classes in what they approved, by the guard of the machine that counts them. */
  readonly dataClasses?: readonly string[];
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

/** Roles whose approval a decision obliges to. */
export const approvalRoles = ({ obligations = [] }: PolicyDecision): readonly string[] => [
  ...new Set(obligations.flatMap((one) => (one.kind === "approval" ? [one.role] : []))),
];

/** Roles whose approval is still missing. @param asker subject who asked: its own approval counts for nothing */
export const missingApprovals = (decision: PolicyDecision, approvers: readonly Approver[], asker: string): readonly string[] =>
  approvalRoles(decision).filter((role) => !approvers.some((one) => one.role === role && one.subject !== asker));
