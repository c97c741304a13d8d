/** Adds up usage; see mesh/contract/usage.ts. */
import type { Usage } from "../../mesh/contract/usage.ts";
import { formatUsd, parseUsd } from "../../mesh/contract/money.ts";

/** No call at all. */
export const NO_CALLS: Usage = {
  calls: 0,
  refused: 0,
  failed: 0,
  unpriced: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  usd: "0",
};

/** The sum of two usages; money is added exactly. */
export const addUsage = (a: Usage, b: Usage): Usage => ({
  calls: a.calls + b.calls,
  refused: a.refused + b.refused,
  failed: a.failed + b.failed,
  unpriced: a.unpriced + b.unpriced,
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  usd: formatUsd(parseUsd(a.usd) + parseUsd(b.usd)),
});

/** The usage of one model. */
export interface ModelUsage extends Usage {
  readonly model: string;
}

/** A list of models' usage with one more. A list, since a user may name a model `__proto__`. */
export function addModel(models: readonly ModelUsage[], model: string, more: Usage): ModelUsage[] {
  const before = models.find((one) => one.model === model);
  const others = models.filter((one) => one !== before);
  return [...others, { model, ...addUsage(before ?? NO_CALLS, more) }];
}

/** Two lists of counts by name, added. */
export function addCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
