/**
 * Stands before the policy engine and sees to it that what an allowed action carries with it is kept: what can be kept here is (rate, second person),
 * the rest is left to the asker where it says that it keeps it, and everything else is a deny. docs/decisions/0103-obligations-kept.md
 */
import type { Clock, Obligation, PolicyAsking, PolicyDecision, PolicyEngine, PolicyQuestion } from "../contract/ports.ts";
import { createRates } from "./rates.ts";

/** Whether somebody else than the principal takes part: subjects count, not devices. */
const hasSecondPerson = ({ principal, context }: PolicyQuestion): boolean =>
  context?.participants?.some((subject) => subject !== principal.subject) === true;

/** Why an obligation can't be kept; undefined where it can. Kinds that are not known here come from a newer policy, and are not kept. */
function whyUnkept(obligation: Obligation, question: PolicyQuestion, { keeps = [] }: PolicyAsking): string | undefined {
  switch (obligation.kind) {
    case "rate":
    case "log":
      return undefined;
    case "second-person":
      return hasSecondPerson(question) ? undefined : "It needs a second person, and nobody else takes part.";
    case "mask":
      return keeps.includes("mask") ? undefined : `It needs ${obligation.classes.join(", ")} to be masked, and nothing is masked here.`;
    case "approval":
      return keeps.includes("approval")
        ? undefined
        : `It needs an approval by ${obligation.role}, and none can be waited for here. Ask for it as a task.`;
    default:
      return "It carries an obligation that this version of Gaggle does not know. Update Gaggle.";
  }
}

const deny = (decision: PolicyDecision, why: string, more: Pick<PolicyDecision, "retryAfterMs"> = {}): PolicyDecision => ({
  ...decision,
  allowed: false,
  reason: `${decision.reason} ${why}`,
  ...more,
});

/** The engine, with its obligations kept. @param deps `clock`: for rates */
export function keepObligations(engine: PolicyEngine, deps: { readonly clock: Pick<Clock, "now"> }): PolicyEngine {
  const rates = createRates(deps);
  return {
    decide(question, asking = {}) {
      const decision = engine.decide(question);
      if (!decision.allowed) return decision;
      const obligations = decision.obligations ?? [];
      for (const obligation of obligations) {
        const why = whyUnkept(obligation, question, asking);
        if (why !== undefined) return deny(decision, why);
      }
      const waitMs = asking.counts === false ? 0 : rates.take(question, obligations);
      if (waitMs === 0) return decision;
      const seconds = Math.ceil(waitMs / 1_000);
      return deny(decision, `It was done too often; it may be done again in ${seconds} s.`, { retryAfterMs: waitMs });
    },
  };
}
