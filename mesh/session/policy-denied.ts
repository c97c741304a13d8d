/** The error for what policy does not let this agent do. */
import { GaggleError } from "../contract/errors.ts";
import type { PolicyDecision } from "../contract/ports.ts";

/** POLICY_DENIED with the decision's reason. */
export const policyDenied = (decision: PolicyDecision): GaggleError =>
  new GaggleError(
    "POLICY_DENIED",
    `The signed policy does not allow this. ${decision.reason} gaggle policy explain says what would have to hold; an admin can change it.`,
  );
