/** Holds calls against the budgets of the signed model policy. A call in progress counts with its estimate, so that two at once can't both slip through. */
import type { ModelPolicy } from "../../mesh/contract/model-policy.ts";
import type { BudgetScope, BudgetState } from "../../mesh/contract/usage.ts";
import { formatUsd, parseUsd } from "../../mesh/contract/money.ts";
import { addAmounts, type Amount } from "./organisation-usage.ts";
import { type Period, periodEnd } from "./periods.ts";

/** A budget of the policy. */
export type Budget = ModelPolicy["budgets"][number];

/** What a call may use at most. `free`: it costs no money for certain, so a money budget says nothing about it. */
export interface Estimate extends Amount {
  readonly free: boolean;
}

/** Whose budgets count: the organisation's id, and the agent's department, role and subject. */
export type BudgetOwner = Readonly<Record<BudgetScope, string>>;

/** A budget that counts for this agent, with what it has used. */
export interface AppliedBudget {
  readonly budget: Budget;
  readonly of: string;
  readonly used: Amount;
}

/** The budgets that count for an owner. @param spent usage of a scope so far */
export const budgetsOf = (
  budgets: readonly Budget[],
  owner: BudgetOwner,
  spent: (scope: BudgetScope, period: Period) => Amount,
): AppliedBudget[] =>
  budgets
    .filter(({ scope, of }) => of === undefined || of === owner[scope])
    .map((budget) => ({ budget, of: owner[budget.scope], used: spent(budget.scope, budget.period) }));

const reached = (used: Amount, usd: string | undefined, tokens: number | undefined): boolean =>
  (usd !== undefined && used.nanoUsd >= parseUsd(usd)) || (tokens !== undefined && used.tokens >= tokens);

/** Whether a soft limit is reached. */
export const isSoft = ({ budget, used }: AppliedBudget): boolean => reached(used, budget.softUsd, budget.softTokens);

/**
 * Whether a hard limit would be passed by a call.
 * @param reserved what the calls in progress may still use
 */
export function wouldPass({ budget, used }: AppliedBudget, reserved: Amount, call: Estimate): boolean {
  const { hardUsd, hardTokens } = budget;
  const before = addAmounts(used, reserved);
  const after = addAmounts(before, call);
  if (hardTokens !== undefined && after.tokens > hardTokens) return true;
  if (hardUsd === undefined || call.free) return false;
  const limit = parseUsd(hardUsd);
  // A call of unknown price goes through while money is left.
  return after.nanoUsd > limit || before.nanoUsd >= limit;
}

/** Where a budget stands, for people. */
export function stateOf(applied: AppliedBudget, nowMs: number): BudgetState {
  const { budget, of, used } = applied;
  const hard = reached(used, budget.hardUsd, budget.hardTokens);
  return {
    ...budget,
    of,
    usedUsd: formatUsd(used.nanoUsd),
    usedTokens: used.tokens,
    state: hard ? "hard" : isSoft(applied) ? "soft" : "ok",
    resetsAt: new Date(periodEnd(budget.period, nowMs)).toISOString(),
  };
}
