/** What a model call costs by the signed price table. Source: mesh/contract/model-policy.ts. */
import type { ModelPolicy } from "../../mesh/contract/model-policy.ts";
import { parseUsd } from "../../mesh/contract/money.ts";

/** A row of the price table. */
export type Price = ModelPolicy["prices"][number];

/** Tokens of a call as the model's server counts them; `cachedInput` is part of `input`. */
export interface TokenUsage {
  readonly input: number;
  readonly cachedInput: number;
  readonly output: number;
}

/** Prices are for this many tokens. */
const PER = 1_000_000n;

/** Whether a name of a table fits a model: the same, or up to the `*` at its end. */
export const fitsModel = (name: string, model: string): boolean =>
  name.endsWith("*") ? model.startsWith(name.slice(0, -1)) : name === model;

/** The row with the longest name that fits; a full name beats one of the same length that ends in `*`. */
export function priceOf(prices: readonly Price[], model: string): Price | undefined {
  const weight = ({ model: name }: Price): number => (name.endsWith("*") ? 2 * (name.length - 1) : 2 * name.length + 1);
  return prices.filter((price) => fitsModel(price.model, model)).toSorted((a, b) => weight(b) - weight(a))[0];
}

/** Cost in billionths of a dollar, rounded up once at the end. */
export function costOf(price: Price, { input, cachedInput, output }: TokenUsage): bigint {
  const cached = Math.min(cachedInput, input);
  const total =
    BigInt(input - cached) * parseUsd(price.input) +
    BigInt(cached) * parseUsd(price.cachedInput ?? price.input) +
    BigInt(output) * parseUsd(price.output);
  return (total + PER - 1n) / PER;
}
