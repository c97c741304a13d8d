/** Which of a route's models policy lets this agent call: a denied first choice leaves the fallback only where policy allows that. Spec P1, G7. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { PolicyAsking, PolicyDecision } from "../../mesh/contract/ports.ts";
import type { ModelTarget, PlannedCall } from "../gateway/call-routes.ts";

/** Asks policy about a call at one target; left out in tests without a policy. */
export type MayCall = (target: ModelTarget, call: PlannedCall, asking: PolicyAsking) => PolicyDecision;

const denied = ({ reason }: PolicyDecision): GaggleError =>
  new GaggleError("POLICY_DENIED", `The signed policy does not allow this model call. ${reason}`);

/** The targets that policy allows, each with the decision. @throws GaggleError POLICY_DENIED where it allows none */
export function permittedTargets(targets: readonly ModelTarget[], call: PlannedCall, mayCall: MayCall): ModelTarget[] {
  const answers = targets.map((target) => ({ target, decision: mayCall(target, call, { counts: false }) }));
  const permitted = answers.flatMap(({ target, decision }) => (decision.allowed ? [{ ...target, decision }] : []));
  const [first] = answers;
  if (permitted.length === 0 && first !== undefined) throw denied(first.decision);
  return permitted;
}

/** Counts the call that is made now in its rates. @throws GaggleError POLICY_DENIED where it comes too soon */
export function countCall(target: ModelTarget, call: PlannedCall, mayCall: MayCall): void {
  const decision = mayCall(target, call, {});
  if (!decision.allowed) throw denied(decision);
}
