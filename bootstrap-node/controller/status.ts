/** What the node can truthfully say about a task, session or approval, to those who take part in it. */
import type { StatusReport } from "../../mesh/contract/controller-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import type { PolicyEngine } from "../../mesh/contract/ports.ts";
import type { AuditIndex } from "./audit-index.ts";
import type { HandOvers } from "./hand-overs.ts";

/** Events of one answer. */
const MAX_EVENTS = 500;

/**
 * The report about an id.
 * @throws GaggleError NOT_FOUND where nothing is known, and alike where the caller takes no part and may not export the audit: that the id exists is
 *   nobody else's business
 */
export async function reportStatus(
  deps: { handOvers: Pick<HandOvers, "of">; index: Pick<AuditIndex, "about">; policy: PolicyEngine },
  caller: Principal,
  id: string,
): Promise<StatusReport> {
  const [deposits, { events, more }] = await Promise.all([deps.handOvers.of(id), deps.index.about(id, MAX_EVENTS)]);
  const takesPart =
    deposits.some(({ from, to }) => from === caller.agentId || to.includes(caller.agentId)) ||
    events.some(({ agentId }) => agentId === caller.agentId);
  const known = deposits.length > 0 || events.length > 0;
  const maySee = takesPart || deps.policy.decide({ action: "audit.export", principal: caller, resource: "status" }).allowed;
  if (known && maySee) return { id, deposits, events, more };
  throw new GaggleError("NOT_FOUND", "Nothing is known here of a task, session or approval of this id that the caller takes part in.");
}
