/** The daemon's side of model routes: the machine's model servers with their keys, the books, budgets over the whole organisation. Source: spec G7. */
import { createLedger, type Ledger } from "../../guard/routes/ledger.ts";
import { readGuardStats } from "../../guard/routes/guard-stats.ts";
import { type BudgetedRoutes, createModelRoutes, type NamedUpstream } from "../../guard/routes/model-routes.ts";
import { createOrganisationUsage, type OrganisationUsage } from "../../guard/routes/organisation-usage.ts";
import type { MayCall } from "../../guard/routes/permitted-targets.ts";
import type { Principal } from "../contract/identity.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { Clock, CommitQueue, OrderedStore, PolicyEngine } from "../contract/ports.ts";
import type { GuardStats } from "../contract/usage.ts";
import type { AgentConfig } from "./agent-config.ts";
import type { AgentCore } from "./agent-core.ts";
import { type CallBooksDeps, createCallBooks } from "./call-books.ts";
import type { CallBooks } from "./model-guard.ts";
import { readModelKey } from "./model-key.ts";

/** What routing needs of the daemon. */
export interface ModelRoutingDeps extends Pick<CallBooksDeps, "actor" | "sessions" | "newTrace"> {
  readonly clock: Clock;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly config: AgentConfig;
  readonly self: Principal;
  readonly policy: PolicyEngine;
  bundle(): VerifiedBundle;
}

/** Routes, books and totals of a daemon. */
export interface ModelRouting {
  readonly routes: BudgetedRoutes;
  readonly ledger: Ledger;
  readonly usage: OrganisationUsage;
  readonly books: CallBooks;
  /** What model calls used in the last days. */
  guardStats(days: number): Promise<GuardStats>;
}

/** The machine's model servers with their keys. @throws GaggleError CREDENTIAL_INVALID where others could read a key */
export const readUpstreams = ({ config, paths }: Pick<AgentCore, "config" | "paths">): Promise<NamedUpstream[]> =>
  Promise.all(
    Object.entries(config.upstreams).map(async ([name, { protocol, baseUrl, local }]) => {
      const apiKey = await readModelKey(paths.modelKey(name));
      return { name, protocol, baseUrl, local, ...(apiKey === undefined ? {} : { apiKey }) };
    }),
  );

/** Opens it over the daemon's store. */
export function openModelRouting(deps: ModelRoutingDeps, upstreams: readonly NamedUpstream[]): ModelRouting {
  const { clock, store, config } = deps;
  const ledger = createLedger(deps);
  const usage = createOrganisationUsage({ ...deps, ledger });
  const { self } = deps;
  const owner = {
    tenant: config.org,
    agent: config.subject,
    get department() {
      return self.department;
    },
    get role() {
      return self.role;
    },
  };
  const policy = () => deps.bundle().modelPolicy;
  const mayCall: MayCall = ({ model, destination }, { sessionId }, asking) => {
    const unattended = deps.sessions.find(sessionId ?? "")?.kind === "run";
    const context = { local: destination === "local", unattended, participants: [self.subject] };
    return deps.policy.decide({ action: "model.call", principal: self, resource: model, context }, asking);
  };
  const routes = createModelRoutes({ clock, policy, upstreams: () => upstreams, usage, mayCall }, { owner });
  return {
    routes,
    ledger,
    usage,
    books: createCallBooks({ ...deps, routes, ledger }),
    guardStats: (days) => readGuardStats(store, days, { nowMs: clock.now(), budgets: routes.budgets(), breakers: routes.breakers() }),
  };
}
