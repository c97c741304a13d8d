/** The audit trail and what model calls used. */
import { Readable } from "node:stream";
import { alarmId, verifyAcknowledgement } from "../../mesh/audit/acknowledge.ts";
import type { AgentExport } from "../../mesh/audit/export.ts";
import type { AuditAlarm, AuditFilter } from "../../mesh/contract/audit.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { unverifiedPayloadOf } from "../../mesh/identity/jws.ts";
import { jwkOfAgentId, thumbprintOf } from "../../mesh/identity/keys.ts";
import type { AuditCollection } from "../audit-collection.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import type { Members } from "../members.ts";
import type { UsageCounters } from "../usage-totals.ts";
import type { Caller } from "../caller.ts";
import { type Handlers, memberOf, proven } from "./call.ts";

/** What these handlers need. */
export interface AuditHandlerDeps {
  readonly members: Members;
  readonly shelf: BundleShelf;
  readonly collection: AuditCollection;
  readonly usage: Pick<UsageCounters, "totals">;
  /** The node's own chain for exports; undefined while it is empty. */
  ownChain(): AgentExport | undefined;
}

/** Characters that are sent at once: one write for each line of an export would be most of its time. */
const CHUNK_CHARS = 65_536;

/** Lines in chunks, each of at least {@link CHUNK_CHARS} but the last. */
async function* inChunks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = "";
  for await (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_CHARS) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

/** @throws GaggleError CREDENTIAL_INVALID, NOT_FOUND, POLICY_DENIED where the alarm is about the caller's own person, STATE_CONFLICT */
async function acknowledge(deps: AuditHandlerDeps, org: string, caller: Caller, jws: string): Promise<AuditAlarm> {
  const key = jwkOfAgentId(proven(caller).agent);
  const said = verifyAcknowledgement(jws, key, org);
  const alarm = (await deps.collection.alarms()).find(({ kind, agentId }) => alarmId(kind, agentId) === said.alarm);
  if (alarm === undefined) throw new GaggleError("NOT_FOUND", "There is no such alarm; gaggle audit alarms lists them.");
  const subject = unverifiedSubject((await deps.members.credentials()).get(alarm.agentId));
  if (caller.member !== undefined && (caller.member.agentId === alarm.agentId || caller.member.subject === subject))
    throw new GaggleError("POLICY_DENIED", "An alarm about one's own agent is for another auditor, or an admin, to acknowledge.");
  return deps.collection.acknowledge(alarm, { by: caller.admin === true ? thumbprintOf(key) : memberOf(caller).agentId, jws, said });
}

/** The person of a credential that this node has issued. */
const unverifiedSubject = (credential: string | undefined): unknown =>
  credential === undefined ? undefined : (unverifiedPayloadOf(credential) as { sub?: unknown }).sub;

/** The handlers. */
export const auditHandlers = (
  deps: AuditHandlerDeps,
  config: { org: string },
): Pick<Handlers, "ingest" | "export" | "auditLog" | "auditAlarms" | "acknowledgeAlarm" | "usage"> => ({
  ingest: ({ caller, body }) => deps.collection.ingest(memberOf(caller), body),
  async export({ query }) {
    const manifests = await deps.shelf.manifests();
    const filter: AuditFilter | undefined = Object.keys(query).length === 0 ? undefined : query;
    const credentials = await deps.members.credentials();
    return Readable.from(inChunks(deps.collection.export({ manifests, credentials, own: deps.ownChain(), filter })));
  },
  auditLog({ query: { first, second } }) {
    const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
    const { head, consistency } = deps.collection.log(number(first), number(second));
    return { log: head, consistency };
  },
  auditAlarms: async () => ({ alarms: await deps.collection.alarms() }),
  acknowledgeAlarm: async ({ caller, body }) => ({ alarm: await acknowledge(deps, config.org, caller, body.acknowledgement) }),
  usage: ({ caller }) => deps.usage.totals(memberOf(caller)),
});
