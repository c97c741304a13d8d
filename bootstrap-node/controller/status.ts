/** What the node can truthfully say about a task, session or approval, to those who take part in it. docs/decisions/0126-status-by-others-word.md */
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import type { StatusReport } from "../../mesh/contract/controller-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import type { PolicyEngine } from "../../mesh/contract/ports.ts";
import type { AuditIndex } from "./audit-index.ts";
import type { HandOvers } from "./hand-overs.ts";

/** Events of one answer. */
const MAX_EVENTS = 500;
/** Where an event says whom it is about: agents, and people. */
const AGENTS = ["to", "from"] as const;
const PEOPLE = ["toSubject", "fromSubject", "peerSubject", "ownerSubject", "subject"] as const;

/** An event is for its writer, and for whom its writer says, by the signature of its own chain, that it is about. Nobody's own word lets them see another's. */
const concerns = ({ agentId, details }: AuditEvent, caller: Principal): boolean =>
  agentId === caller.agentId ||
  AGENTS.some((name) => details[name] === caller.agentId) ||
  PEOPLE.some((name) => details[name] === caller.subject);

/**
 * The report about an id: deposits by or for the caller, and events that concern it; all of them for whom policy lets export the audit.
 * @throws GaggleError NOT_FOUND where there is nothing of that: that the id exists is nobody else's business
 */
export async function reportStatus(
  deps: { handOvers: Pick<HandOvers, "of">; index: Pick<AuditIndex, "about">; policy: PolicyEngine },
  caller: Principal,
  id: string,
): Promise<StatusReport> {
  const seesAll = deps.policy.decide({ action: "audit.export", principal: caller, resource: "status" }, { counts: false }).allowed;
  const [all, { events, more }] = await Promise.all([
    deps.handOvers.of(id),
    deps.index.about(id, MAX_EVENTS, (event) => seesAll || concerns(event, caller)),
  ]);
  const deposits = all.filter(({ from, to }) => seesAll || from === caller.agentId || to.includes(caller.agentId));
  if (deposits.length > 0 || events.length > 0) return { id, deposits, events, more };
  throw new GaggleError("NOT_FOUND", "Nothing is known here of a task, session or approval of this id that concerns the caller.");
}
