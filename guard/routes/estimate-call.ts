/** What a call may use at most, before it is made: what is reserved for it within the budgets. */
import type { ModelPolicy } from "../../mesh/contract/model-policy.ts";
import { DEFAULT_OUTPUT_TOKENS, type ModelTarget, type PlannedCall } from "../gateway/call-routes.ts";
import type { Estimate } from "./budgets.ts";
import { parseUsd } from "../../mesh/contract/money.ts";
import { costOf, priceOf } from "./price.ts";

/** The estimate for a call at a target: its whole request at the full price, and the longest answer. */
export function estimateOf(call: PlannedCall, target: ModelTarget, { prices }: Pick<ModelPolicy, "prices">): Estimate {
  const output = call.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS;
  const price = priceOf(prices, target.model);
  const nanoUsd = price === undefined ? 0n : costOf(price, { input: call.estimatedTokens, cachedInput: 0, output });
  const costsNothing = price !== undefined && parseUsd(price.input) === 0n && parseUsd(price.output) === 0n;
  return {
    nanoUsd,
    tokens: call.estimatedTokens + output,
    free: costsNothing || (price === undefined && target.destination === "local"),
  };
}
