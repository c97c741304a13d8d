/** The audit trail and what model calls used. */
import { Readable } from "node:stream";
import type { AgentExport } from "../../mesh/audit/export.ts";
import type { AuditFilter } from "../../mesh/contract/audit.ts";
import type { AuditCollection } from "../audit-collection.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import type { Members } from "../members.ts";
import type { UsageCounters } from "../usage-totals.ts";
import { type Handlers, memberOf } from "./call.ts";

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

/** The handlers. */
export const auditHandlers = (deps: AuditHandlerDeps): Pick<Handlers, "ingest" | "export" | "auditLog" | "auditAlarms" | "usage"> => ({
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
  usage: ({ caller }) => deps.usage.totals(memberOf(caller)),
});
