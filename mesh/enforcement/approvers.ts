/** Who has signed that something may be done, held against what policy obliges to. Separation of duties counts subjects, not devices. Spec M10, P1. */
import type { PolicyDecision } from "../contract/ports.ts";

/** A person whose signed approval was checked. */
export interface Approver {
  readonly subject: string;
  readonly role: string;
}

/** Roles whose approval a decision obliges to. */
export const approvalRoles = ({ obligations = [] }: PolicyDecision): readonly string[] => [
  ...new Set(obligations.flatMap((one) => (one.kind === "approval" ? [one.role] : []))),
];

/** Roles whose approval is still missing. @param asker subject who asked: its own approval counts for nothing */
export const missingApprovals = (decision: PolicyDecision, approvers: readonly Approver[], asker: string): readonly string[] =>
  approvalRoles(decision).filter((role) => !approvers.some((one) => one.role === role && one.subject !== asker));
