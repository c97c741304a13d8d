/** The controller: hand-overs, candidates, status, evaluation, events. The node is never a principal here: it keeps, ranks and tells. */
import type { EvaluateRequest } from "../../mesh/contract/controller-api.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import type { PolicyEngine, PolicyQuestion } from "../../mesh/contract/ports.ts";
import type { AuditIndex } from "../controller/audit-index.ts";
import { type CandidateDeps, rankCandidates } from "../controller/candidates.ts";
import type { EventFeed } from "../controller/event-feed.ts";
import type { HandOvers } from "../controller/hand-overs.ts";
import { reportStatus } from "../controller/status.ts";
import type { Member } from "../members.ts";
import { type Handlers, memberOf } from "./call.ts";

/** What these handlers need. */
export interface ControllerHandlerDeps extends CandidateDeps {
  readonly handOvers: HandOvers;
  readonly index: Pick<AuditIndex, "about">;
  readonly policy: PolicyEngine;
  readonly feed: EventFeed;
}

const principalOf = ({ agentId, subject, role, department }: Member): Principal => ({ agentId, subject, role, department });

/** The caller's question about itself. */
function questionOf(principal: Principal, { action, targetRole, targetSubject, resource, context }: EvaluateRequest): PolicyQuestion {
  const target = {
    ...(targetRole === undefined ? {} : { role: targetRole }),
    ...(targetSubject === undefined ? {} : { subject: targetSubject }),
  };
  return {
    action,
    principal,
    ...(targetRole === undefined ? {} : { targetRole }),
    ...(Object.keys(target).length === 0 ? {} : { target }),
    ...(resource === undefined ? {} : { resource }),
    ...(context === undefined ? {} : { context: withoutUndefined(context) }),
  };
}

const withoutUndefined = (context: NonNullable<EvaluateRequest["context"]>): NonNullable<PolicyQuestion["context"]> =>
  Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined));

/** The handlers. */
export function controllerHandlers(
  deps: ControllerHandlerDeps,
): Pick<Handlers, "routeTask" | "openSession" | "requestApproval" | "status" | "evaluate" | "events"> {
  const { handOvers, feed, policy } = deps;
  return {
    routeTask({ caller, body }) {
      const by = principalOf(memberOf(caller));
      return "target" in body ? rankCandidates(deps, by, body.target) : handOvers.keep("task", by, body);
    },
    openSession: ({ caller, body }) => handOvers.keep("session", memberOf(caller), body),
    requestApproval: ({ caller, body }) => handOvers.keep("approval", memberOf(caller), body),
    status: ({ caller, params }) => reportStatus(deps, principalOf(memberOf(caller)), params["id"] ?? ""),
    evaluate({ caller, body }) {
      const { allowed, rules, reason, policyHash, obligations, risk } = policy.decide(questionOf(principalOf(memberOf(caller)), body), {
        counts: false,
        keeps: ["mask", "approval"],
      });
      return {
        allowed,
        rules: [...rules],
        reason,
        policyHash,
        ...(obligations === undefined
          ? {}
          : { obligations: obligations.map((one) => (one.kind === "mask" ? { ...one, classes: [...one.classes] } : one)) }),
        ...(risk === undefined ? {} : { risk }),
      };
    },
    events: ({ caller, query, signal }) => feed.poll(memberOf(caller).agentId, query, signal),
  };
}
