/** What each call in progress has reserved and used. */
import type { ModelPolicy } from "../../mesh/contract/model-policy.ts";
import type { BudgetState } from "../../mesh/contract/usage.ts";
import type { Attempt } from "../../mesh/resilience/circuit-breaker.ts";
import {
  type CallOutcome,
  DEFAULT_OUTPUT_TOKENS,
  type ModelTarget,
  NO_USAGE,
  type PlannedCall,
  type Usage as TokenCounts,
} from "../gateway/call-routes.ts";
import type { Candidate } from "./fit-targets.ts";
import { addAmounts, type Amount, NO_AMOUNT } from "./organisation-usage.ts";
import { costOf, priceOf } from "./price.ts";

/** What a call came to. */
export interface CallAccount {
  /** Upstream and model of the last try; undefined before the first. */
  readonly upstream: string | undefined;
  readonly model: string | undefined;
  /** Of all tries together. */
  readonly usage: TokenCounts;
  readonly nanoUsd: bigint;
  /** A try at a model that the price table doesn't have. */
  readonly unpriced: boolean;
  /** The server told no usage, so the estimate stands for it. */
  readonly estimated: boolean;
  /** Soft limits that are reached. */
  readonly warnings: readonly BudgetState[];
}

/** A call with its plan. */
interface OpenCall {
  readonly reserved: Amount;
  readonly prices: ModelPolicy["prices"];
  readonly attempts: ReadonlyMap<ModelTarget, Attempt>;
  account: CallAccount;
}

/** The calls in progress. */
export interface CallAccounts {
  open(
    call: PlannedCall,
    plan: {
      warnings: readonly BudgetState[];
      candidates: readonly (Candidate & { readonly attempt: Attempt })[];
      prices: ModelPolicy["prices"];
    },
  ): void;
  settle(call: PlannedCall, outcome: CallOutcome): void;
  account(call: PlannedCall): CallAccount | undefined;
  release(call: PlannedCall): void;
  /** What all calls in progress may still use. */
  reserved(): Amount;
}

/** The larger of two in each part: a call is at one target at a time, but may end at either. */
const larger = (a: Amount, b: Amount): Amount => ({
  nanoUsd: a.nanoUsd - b.nanoUsd > 0n ? a.nanoUsd : b.nanoUsd,
  tokens: Math.max(a.tokens, b.tokens),
});

const addCountsOf = (a: TokenCounts, b: TokenCounts): TokenCounts => ({
  input: a.input + b.input,
  cachedInput: a.cachedInput + b.cachedInput,
  output: a.output + b.output,
});

/** Whether a try was made that a vendor charges for, and the server didn't say how much it was. */
const isUntold = ({ usage, status, result }: CallOutcome): boolean =>
  usage.input === 0 && (status === 200 || (result === "aborted" && status === 0));

/** What stands for untold usage. A local server's costs nothing, so only the request is counted; elsewhere leaving usage out must not pay. */
const assumed = (call: PlannedCall, { target, usage }: CallOutcome): TokenCounts => ({
  ...NO_USAGE,
  input: call.estimatedTokens,
  output: usage.output || (target.destination === "local" ? 0 : (call.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS)),
});

/** No call uses more, in or out; a number that a server or a request makes up must not get sums past what the books can hold. */
const MAX_TOKENS = 100_000_000;

const bounded = ({ input, cachedInput, output }: TokenCounts): TokenCounts => ({
  input: Math.min(input, MAX_TOKENS),
  cachedInput: Math.min(cachedInput, input, MAX_TOKENS),
  output: Math.min(output, MAX_TOKENS),
});

const tellBreaker = (attempt: Attempt | undefined, { result }: CallOutcome): void => {
  if (result === "failed") attempt?.failed();
  else if (result === "aborted") attempt?.abandoned();
  else attempt?.succeeded();
};

const NOTHING_USED = {
  upstream: undefined,
  model: undefined,
  usage: NO_USAGE,
  nanoUsd: 0n,
  unpriced: false,
  estimated: false,
} as const;

/** Makes the list of calls in progress. */
export function createCallAccounts(): CallAccounts {
  const calls = new Map<PlannedCall, OpenCall>();
  return {
    open(call, { warnings, candidates, prices }) {
      calls.set(call, {
        reserved: candidates.reduce((most, { estimate }) => larger(most, estimate), NO_AMOUNT),
        prices,
        attempts: new Map(candidates.map(({ target, attempt }) => [target, attempt])),
        account: { ...NOTHING_USED, warnings },
      });
    },
    settle(call, outcome) {
      const open = calls.get(call);
      if (open === undefined) return;
      tellBreaker(open.attempts.get(outcome.target), outcome);
      const untold = isUntold(outcome);
      const usage = bounded(untold ? assumed(call, outcome) : outcome.usage);
      const price = priceOf(open.prices, outcome.target.model);
      const { account } = open;
      open.account = {
        ...account,
        upstream: outcome.target.name,
        model: outcome.target.model,
        usage: addCountsOf(account.usage, usage),
        nanoUsd: account.nanoUsd + (price === undefined ? 0n : costOf(price, usage)),
        unpriced: account.unpriced || (price === undefined && usage.input + usage.output > 0),
        estimated: account.estimated || untold,
      };
    },
    account: (call) => calls.get(call)?.account,
    release(call) {
      for (const attempt of calls.get(call)?.attempts.values() ?? []) attempt.abandoned();
      calls.delete(call);
    },
    reserved: () => [...calls.values()].reduce((sum, { reserved }) => addAmounts(sum, reserved), NO_AMOUNT),
  };
}
