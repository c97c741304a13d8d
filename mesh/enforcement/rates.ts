/** Counts how often a person does what policy bounds: a bucket of tokens per person, action and rate. In memory: a restart fills them. */
import type { Clock, Obligation, PolicyQuestion } from "../contract/ports.ts";
import { createTokenBuckets, type TokenBuckets } from "../resilience/token-buckets.ts";

const MINUTE_S = 60;

/** Rates of all principals. */
export interface Rates {
  /** Counts one act against all its rates. @returns 0, or the milliseconds after which it may be done */
  take(question: PolicyQuestion, obligations: readonly Obligation[]): number;
}

/** Makes full buckets: after a quiet minute a whole minute's acts may come at once. */
export function createRates(deps: { readonly clock: Pick<Clock, "now"> }): Rates {
  const byRate = new Map<number, TokenBuckets>();
  const bucketsOf = (perMinute: number): TokenBuckets => {
    const buckets = byRate.get(perMinute) ?? createTokenBuckets(deps, { perSecond: perMinute / MINUTE_S, burst: perMinute });
    byRate.set(perMinute, buckets);
    return buckets;
  };
  return {
    take({ action, principal }, obligations) {
      const rates = new Set(obligations.flatMap((one) => (one.kind === "rate" ? [one.perMinute] : [])));
      const waits = [...rates].map((perMinute) => bucketsOf(perMinute).take(`${action} ${principal.subject}`));
      return Math.max(0, ...waits);
    },
  };
}
