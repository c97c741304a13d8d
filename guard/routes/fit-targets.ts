/** Which of a route's models the hard limits leave. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { BudgetState } from "../../mesh/contract/usage.ts";
import type { ModelTarget } from "../gateway/call-routes.ts";
import { type AppliedBudget, type Estimate, stateOf, wouldPass } from "./budgets.ts";
import type { Amount } from "./organisation-usage.ts";

/** A target with what the call may use there. */
export interface Candidate {
  readonly target: ModelTarget;
  readonly estimate: Estimate;
}

/**
 * The candidates that pass no hard limit.
 * @throws GaggleError POLICY_DENIED where there is none, with the budget and the time at which it begins anew
 */
export function fitTargets(
  candidates: readonly Candidate[],
  budgets: readonly AppliedBudget[],
  reserved: Amount,
  nowMs: number,
): readonly Candidate[] {
  const passed = (candidate: Candidate): AppliedBudget | undefined => budgets.find((one) => wouldPass(one, reserved, candidate.estimate));
  const fitting = candidates.filter((candidate) => passed(candidate) === undefined);
  const [first] = candidates;
  const budget = first === undefined ? undefined : passed(first);
  if (fitting.length === 0 && budget !== undefined) throw usedUp(stateOf(budget, nowMs));
  return fitting;
}

function usedUp({ id, scope, of, period, usedUsd, hardUsd, usedTokens, hardTokens, resetsAt }: BudgetState): GaggleError {
  const whose = scope === "tenant" ? "the organisation" : `${scope} ${of}`;
  const money = hardUsd === undefined ? [] : [`${usedUsd} of ${hardUsd} US dollars`];
  const tokens = hardTokens === undefined ? [] : [`${usedTokens} of ${hardTokens} tokens`];
  const used = [...money, ...tokens].join(", ");
  return new GaggleError(
    "POLICY_DENIED",
    `The budget ${id} of ${whose} has used ${used} this ${period}; what is left, with the calls in progress, does not cover this call. It begins anew at ${resetsAt}. An admin can raise it in models.yaml.`,
    { details: { budget: id, resetsAt } },
  );
}
