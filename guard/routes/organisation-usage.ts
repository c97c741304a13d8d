/** What a period has used so far, for a budget: the organisation's collected totals, and this agent's own newer calls on top. */
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { CommitQueue, OrderedStore } from "../../mesh/contract/ports.ts";
import { type BudgetScope, type Spent, type UsageTotals, usageTotals } from "../../mesh/contract/usage.ts";
import type { Ledger } from "./ledger.ts";
import { parseUsd } from "../../mesh/contract/money.ts";
import { type Period, periodOf } from "./periods.ts";

const KEY = "usage/totals";

/** Money in billionths of a dollar, and tokens in and out. */
export interface Amount {
  readonly nanoUsd: bigint;
  readonly tokens: number;
}

/** Nothing. */
export const NO_AMOUNT: Amount = { nanoUsd: 0n, tokens: 0 };

/** Numbers of tokens together, and never more than a record can hold: one member's made-up number must not make sums unreadable for all. */
export const addTokens = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);

/** Both together. */
export const addAmounts = (a: Amount, b: Amount): Amount => ({ nanoUsd: a.nanoUsd + b.nanoUsd, tokens: addTokens(a.tokens, b.tokens) });

const amountOf = ({ usd, tokens }: Spent): Amount => ({ nanoUsd: parseUsd(usd), tokens });
const atLeastNothing = (a: Amount): Amount => ({ nanoUsd: a.nanoUsd < 0n ? 0n : a.nanoUsd, tokens: Math.max(0, a.tokens) });
const minus = (a: Amount, b: Amount): Amount => ({ nanoUsd: a.nanoUsd - b.nanoUsd, tokens: a.tokens - b.tokens });

/** What periods have used so far. */
export interface OrganisationUsage {
  /** Usage of a scope that this agent belongs to, in the period that a time is in. */
  spent(scope: BudgetScope, period: Period, nowMs: number): Amount;
  /** Takes newer totals of the bootstrap node, and keeps them for when it is away. */
  take(totals: UsageTotals): Promise<void>;
}

/** Opens it with the last known totals. */
export function createOrganisationUsage(deps: {
  store: OrderedStore;
  queue: CommitQueue;
  ledger: Pick<Ledger, "spent">;
}): OrganisationUsage {
  const stored = deps.store.get(KEY);
  let totals = stored === undefined ? undefined : parseAs(usageTotals, parseJson(stored, KEY), "The last known usage totals");

  return {
    spent(scope, period, nowMs) {
      const { usd, inputTokens, outputTokens } = deps.ledger.spent(period, nowMs);
      const own: Amount = { nanoUsd: parseUsd(usd), tokens: inputTokens + outputTokens };
      const known = totals?.[period];
      // Totals of yesterday say nothing about today.
      if (known === undefined || known.period !== periodOf(period, nowMs)) return own;
      const newer = atLeastNothing(minus(own, amountOf(known.own)));
      return addAmounts(amountOf(known[scope]), newer);
    },
    async take(next) {
      if (JSON.stringify(next) === JSON.stringify(totals)) return;
      totals = next;
      await deps.queue.run((tx) => tx.put(KEY, JSON.stringify(next)), { finishing: true });
    },
  };
}
