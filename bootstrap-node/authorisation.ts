/** Which question to policy each route of the API asks before it does anything. A route without a row here does not compile. */
import type { BootstrapRoute } from "../mesh/contract/bootstrap-api.ts";
import type { PolicyAction } from "../mesh/contract/bundle.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { PolicyEngine } from "../mesh/contract/ports.ts";
import type { Caller } from "./caller.ts";
import type { Members } from "./members.ts";

/**
 * How a route is authorised. `open`: nothing is known of the caller yet, and `because` says what speaks for the request instead; `policy`: every
 * action named is asked of policy for the member that calls, with the route's name as resource. `admins`: an admin key of the signed bundle may call
 * without being a member.
 */
export type Authorisation =
  | { readonly kind: "open"; readonly because: string }
  | { readonly kind: "policy"; readonly actions: readonly PolicyAction[]; readonly admins?: true };

const asked: Authorisation = { kind: "policy", actions: ["api.call"] };
const open = (because: string): Authorisation => ({ kind: "open", because });

/** Every route and how it is authorised. */
export const ROUTE_AUTHORISATION: Readonly<Record<BootstrapRoute, Authorisation>> = {
  health: open("says only that the node is up, for which organisation, and its bundle's version"),
  ready: open("says only which part of the node is missing"),
  jwks: open("public keys"),
  join: open("an invitation signed by an admin key of the bundle"),
  signInBegin: open("gives a challenge for the proven key, and what the root key says to strangers"),
  signInFinish: open("an ID token of the identity provider that the root key names"),
  publish: open("a bundle signed by the root key"),
  revoke: open("a revocation signed by an admin key of the bundle"),
  // It names people: approvers, and who has left.
  revocations: { kind: "policy", actions: ["api.call"], admins: true },
  token: asked,
  credentials: asked,
  profile: asked,
  ingest: asked,
  auditLog: asked,
  auditAlarms: { kind: "policy", actions: ["api.call", "audit.export"], admins: true },
  acknowledgeAlarm: { kind: "policy", actions: ["api.call", "audit.export"], admins: true },
  export: { kind: "policy", actions: ["api.call", "audit.export"], admins: true },
  directory: asked,
  usage: asked,
  deposit: asked,
  fetchMail: asked,
  discardMail: asked,
  withdrawMail: asked,
  mailDevices: asked,
  routeTask: asked,
  openSession: asked,
  requestApproval: asked,
  status: asked,
  evaluate: asked,
  events: asked,
};

/**
 * Asks policy whether the caller may call the route.
 * @throws GaggleError POLICY_DENIED, RATE_LIMITED; NOT_A_MEMBER, REVOKED and their like where the route is called with a proof alone
 */
export function authorise(deps: { policy: PolicyEngine; members: Pick<Members, "get"> }, route: BootstrapRoute, caller: Caller): void {
  const rule = ROUTE_AUTHORISATION[route];
  if (rule.kind === "open") return;
  // Who called without a token was let through as an admin, by the route's access.
  if (caller.admin === true && rule.admins === true) return;
  if (caller.proof === undefined) throw new GaggleError("INTERNAL", "The caller was not identified.");
  const { agentId, subject, role, department } = caller.member ?? deps.members.get(caller.proof.agent);
  for (const action of rule.actions) {
    const question = { action, principal: { agentId, subject, role, department }, resource: route };
    const { allowed, reason, retryAfterMs } = deps.policy.decide(question);
    if (retryAfterMs !== undefined) throw new GaggleError("RATE_LIMITED", reason);
    if (!allowed) throw new GaggleError("POLICY_DENIED", reason);
  }
}
