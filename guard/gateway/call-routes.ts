/** What the gateway asks whoever chooses models: which upstream serves a call, and how the call ended. Source: spec G7. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { PolicyDecision } from "../../mesh/contract/ports.ts";
import type { TaskClass } from "../../mesh/contract/model-policy.ts";
import type { Destination } from "../guard-rules.ts";
import type { UpstreamConfig } from "./upstream.ts";

/** The API of a call; each has one path, which is the same at the gateway and at the upstream. */
export type Protocol = "openai-chat" | "openai-responses" | "anthropic-messages";

/** A call before it goes out. Nothing of its text. */
export interface PlannedCall {
  /** Goose's session; undefined where the request named none. */
  readonly sessionId: string | undefined;
  /** Model that Goose asked for, as it wrote it. */
  readonly askedModel: string;
  readonly protocol: Protocol;
  readonly task: TaskClass;
  /** Tokens of the request, estimated from its length. */
  readonly estimatedTokens: number;
  /** Most that the request lets its answers have together, in tokens; left out where it asks for one answer and sets no limit. */
  readonly maxOutputTokens?: number;
}

/** A model at an upstream, ready to be called. */
export interface ModelTarget {
  /** Name of the upstream, for audit and ledger. */
  readonly name: string;
  readonly upstream: UpstreamConfig;
  /** Model to ask for there. */
  readonly model: string;
  readonly destination: Destination;
  /** Policy's yes to calling it, where policy was asked. */
  readonly decision?: PolicyDecision;
}

/** Who serves a call: the target, and what is tried after it where it can't be reached, in this order. */
export interface CallPlan {
  readonly target: ModelTarget;
  readonly fallback?: ModelTarget;
  /** Headers that the answer gets, such as the warning of a soft limit. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Tokens as the model's server counts them. */
export interface Usage {
  /** All tokens of the request, those read from a cache included. */
  readonly input: number;
  /** Of these, read from the vendor's prompt cache. */
  readonly cachedInput: number;
  readonly output: number;
}

/** How one try at one target ended. */
export interface CallOutcome {
  readonly target: ModelTarget;
  /**
   * `ok`: an answer came to its end; `refused`: the server answered with an error of 4xx; `failed`: it could not be reached, was silent, broke off or
   * answered with 5xx or 429; `aborted`: the client went away.
   */
  readonly result: "ok" | "refused" | "failed" | "aborted";
  /** HTTP status of the server; 0 where it sent none. */
  readonly status: number;
  /** Zeros where the server told none. */
  readonly usage: Usage;
  readonly durationMs: number;
}

/** Chooses models and keeps the books. */
export interface ModelRoutes {
  /**
   * Chooses who serves a call.
   * @throws GaggleError POLICY_DENIED or GUARD_REFUSED where nobody may: no route, a hard limit reached
   */
  plan(call: PlannedCall): CallPlan | Promise<CallPlan>;
  /** Told how every try at a target ended, the fallback's too. What it throws is logged. */
  settle(call: PlannedCall, outcome: CallOutcome): void | Promise<void>;
  /** Whose list of models `GET /v1/models` shows. @throws GaggleError GUARD_REFUSED where there is no upstream */
  catalogue(protocol: Protocol): UpstreamConfig | Promise<UpstreamConfig>;
}

/** Tokens of an answer where the request sets no limit. */
export const DEFAULT_OUTPUT_TOKENS = 4_096;

/** No usage. */
export const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0 };

/**
 * The simplest choice: one upstream for every call, the model as Goose asked for it.
 * @param upstream read at every call
 */
export const oneUpstream = (upstream: () => UpstreamConfig | undefined, destination: Destination = "cloud"): ModelRoutes => {
  const configured = (): UpstreamConfig => {
    const found = upstream();
    if (found !== undefined) return found;
    throw new GaggleError(
      "GUARD_REFUSED",
      "No model is configured behind the guard. Run: gaggle model --url URL --name MODEL, then start the daemon again.",
    );
  };
  return {
    plan: ({ askedModel }) => ({ target: { name: "default", upstream: configured(), model: askedModel, destination } }),
    settle: () => undefined,
    catalogue: configured,
  };
};
