/** Chooses who serves a model call: the signed policy's route, the machine's upstreams, budgets and circuit breakers. Source: spec G7; docs/decisions/0066. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { ModelChoice, ModelPolicy } from "../../mesh/contract/model-policy.ts";
import type { Clock } from "../../mesh/contract/ports.ts";
import type { BudgetState } from "../../mesh/contract/usage.ts";
import { type BreakerState, type CircuitBreaker, createCircuitBreaker } from "../../mesh/resilience/circuit-breaker.ts";
import type { CallPlan, ModelRoutes, ModelTarget, PlannedCall, Protocol } from "../gateway/call-routes.ts";
import type { UpstreamConfig } from "../gateway/upstream.ts";
import { type BudgetOwner, budgetsOf, isSoft, stateOf } from "./budgets.ts";
import { type CallAccount, createCallAccounts } from "./call-accounts.ts";
import { chooseRoute, DEFAULT_UPSTREAM } from "./choose-route.ts";
import { estimateOf } from "./estimate-call.ts";
import { fitTargets } from "./fit-targets.ts";
import { isLocalHost } from "./local-host.ts";
import type { OrganisationUsage } from "./organisation-usage.ts";
import { countCall, type MayCall, permittedTargets } from "./permitted-targets.ts";

/** A model server of this machine. */
export interface NamedUpstream extends UpstreamConfig {
  readonly name: string;
  /** The API that it speaks; `openai` is chat completions and responses. */
  readonly protocol: "openai" | "anthropic";
  /** Whether it is this machine's or the company's own. Only what policy names too counts as local. */
  readonly local: boolean;
}

/** What the routes need. */
export interface ModelRoutesDeps {
  readonly clock: Pick<Clock, "now">;
  /** The signed policy in force. @throws GaggleError BUNDLE_MISSING and its like: then nothing is called */
  policy(): ModelPolicy;
  /** This machine's model servers. */
  upstreams(): readonly NamedUpstream[];
  readonly usage: Pick<OrganisationUsage, "spent">;
  /** Asks policy about a call at one target; left out, nothing is asked. */
  readonly mayCall?: MayCall;
}

/** Who this agent is, for routes and budgets. */
export interface ModelRoutesConfig {
  readonly owner: BudgetOwner;
}

/** The gateway's routes, and what the daemon asks of them. */
export interface BudgetedRoutes extends ModelRoutes {
  /** What a call has used so far; undefined for one that never got a plan. */
  account(call: PlannedCall): CallAccount | undefined;
  /** Gives back what a call had reserved; for when the call is in the books, or never was made. May be called twice. */
  release(call: PlannedCall): void;
  /** Where this agent's budgets stand. */
  budgets(): BudgetState[];
  /** State of each upstream's circuit breaker. */
  breakers(): { name: string; state: BreakerState }[];
}

/** Five failures in a row stop calls for 15 seconds, and for up to 5 minutes while it goes on failing. */
const BREAKER = { failures: 5, openMs: 15_000, maxOpenMs: 300_000 } as const;

/** Makes the routes. */
export function createModelRoutes(deps: ModelRoutesDeps, { owner }: ModelRoutesConfig): BudgetedRoutes {
  const accounts = createCallAccounts();
  const breakers = new Map<string, CircuitBreaker>();
  const breakerOf = (name: string): CircuitBreaker => {
    const breaker = breakers.get(name) ?? createCircuitBreaker(deps, BREAKER);
    breakers.set(name, breaker);
    return breaker;
  };
  const applied = (policy: ModelPolicy) => {
    const now = deps.clock.now();
    return budgetsOf(policy.budgets, owner, (scope, period) => deps.usage.spent(scope, period, now));
  };

  const plan = (call: PlannedCall): CallPlan => {
    const policy = deps.policy();
    const route = chooseRoute(policy, { role: owner.role, task: call.task, asked: call.askedModel });
    if (route === undefined) throw noRoute(call);
    const targets = route.choices.flatMap((choice) => targetOf(choice, call.protocol, policy, deps.upstreams()));
    if (targets.length === 0) throw notConfigured(route.choices, call.protocol);
    const permitted = deps.mayCall === undefined ? targets : permittedTargets(targets, call, deps.mayCall);
    const budgets = applied(policy);
    const candidates = permitted.map((target) => ({ target, estimate: estimateOf(call, target, policy) }));
    const affordable = fitTargets(candidates, budgets, accounts.reserved(), deps.clock.now());
    const soft = budgets.filter(isSoft).map((one) => stateOf(one, deps.clock.now()));
    // At a soft limit the fallback comes first; the first choice stays for when that is away.
    const ordered = soft.length > 0 ? affordable.toReversed() : affordable;
    if (deps.mayCall !== undefined && ordered[0] !== undefined) countCall(ordered[0].target, call, deps.mayCall);
    const open = ordered.flatMap((candidate) => {
      const attempt = breakerOf(candidate.target.name).attempt();
      return attempt === undefined ? [] : [{ ...candidate, attempt }];
    });
    const [first, second] = open;
    if (first === undefined) throw allAway(ordered.map(({ target }) => target.name));
    accounts.open(call, { warnings: soft, candidates: open, prices: policy.prices });
    return { target: first.target, ...(second === undefined ? {} : { fallback: second.target }), ...warningOf(soft) };
  };

  return {
    plan,
    settle: (call, outcome) => accounts.settle(call, outcome),
    account: accounts.account,
    release: accounts.release,
    catalogue: (protocol) => {
      const own = deps.upstreams().filter((upstream) => speaks(upstream, protocol));
      const found = own.find(({ name }) => name === DEFAULT_UPSTREAM) ?? own[0];
      if (found === undefined) throw notConfigured([{ upstream: DEFAULT_UPSTREAM, model: "" }], protocol);
      return found;
    },
    budgets: () => applied(deps.policy()).map((one) => stateOf(one, deps.clock.now())),
    breakers: () => deps.upstreams().map(({ name }) => ({ name, state: breakerOf(name).state() })),
  };
}

const speaks = ({ protocol }: NamedUpstream, asked: Protocol): boolean => (protocol === "anthropic") === (asked === "anthropic-messages");

/** The choice on this machine: none where its upstream isn't configured here or speaks another API than the request. */
function targetOf(choice: ModelChoice, protocol: Protocol, policy: ModelPolicy, upstreams: readonly NamedUpstream[]): ModelTarget[] {
  const upstream = upstreams.find(({ name }) => name === choice.upstream);
  if (upstream === undefined || !speaks(upstream, protocol)) return [];
  const isLocal = upstream.local && policy.localUpstreams.includes(upstream.name) && isLocalHost(upstream.baseUrl, policy);
  return [{ name: upstream.name, upstream, model: choice.model, destination: isLocal ? "local" : "cloud" }];
}

/** What Goose's user may read of soft limits, as headers of the answer. */
const warningOf = (soft: readonly BudgetState[]): Pick<CallPlan, "headers"> =>
  soft.length === 0 ? {} : { headers: { "gaggle-budget-warning": soft.map(({ id }) => id).join(", ") } };

const noRoute = ({ task }: PlannedCall): GaggleError =>
  new GaggleError(
    "POLICY_DENIED",
    `The signed model policy has no route for this model and task (${task}), and refuses other models. Choose a model that it names, or ask an admin for a route.`,
  );

function notConfigured(choices: readonly ModelChoice[], protocol: Protocol): GaggleError {
  const names = choices.map(({ upstream }) => upstream);
  const api = protocol === "anthropic-messages" ? "anthropic" : "openai";
  if (names[0] === DEFAULT_UPSTREAM)
    return new GaggleError(
      "GUARD_REFUSED",
      `No model of the ${api} API is configured behind the guard. Run: gaggle model --url URL --name MODEL, then start the daemon again.`,
    );
  return new GaggleError(
    "GUARD_REFUSED",
    `The signed model policy sends this call to ${names.join(" or ")}, which this machine does not have with the ${api} API. Run: gaggle model add ${names[0]} --url URL --protocol ${api}, then start the daemon again.`,
  );
}

const allAway = (names: readonly string[]): GaggleError =>
  new GaggleError(
    "UPSTREAM_FAILED",
    `The model's server (${names.join(", ")}) keeps failing and is left alone for a moment; try again soon.`,
  );
