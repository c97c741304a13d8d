/** What would change with another policy set: shadow mode. */
import type { PolicyDecision, PolicyEngine, PolicyQuestion } from "../../mesh/contract/ports.ts";

/** A question to which two sets answer differently. */
export interface PolicyChange {
  readonly question: PolicyQuestion;
  readonly before: PolicyDecision;
  readonly after: PolicyDecision;
}

/** The questions to which the answers or their obligations differ, in the order given. */
export function comparePolicies(before: PolicyEngine, after: PolicyEngine, questions: Iterable<PolicyQuestion>): PolicyChange[] {
  return [...questions]
    .map((question) => ({ question, before: before.decide(question), after: after.decide(question) }))
    .filter((change) => meaningOf(change.before) !== meaningOf(change.after));
}

const meaningOf = ({ allowed, obligations = [] }: PolicyDecision): string => JSON.stringify([allowed, obligations]);
