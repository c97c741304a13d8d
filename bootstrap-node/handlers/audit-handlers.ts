/** The audit trail and what model calls used. */
import { Readable } from "node:stream";
import type { AgentExport } from "../../mesh/audit/export.ts";
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

/** The handlers. */
export const auditHandlers = (deps: AuditHandlerDeps): Pick<Handlers, "ingest" | "export" | "usage"> => ({
  ingest: ({ caller, body }) => deps.collection.ingest(memberOf(caller), body),
  async export() {
    const manifests = [deps.shelf.newest().signed.manifest];
    return Readable.from(deps.collection.export({ manifests, credentials: await deps.members.credentials(), own: deps.ownChain() }));
  },
  usage: ({ caller }) => deps.usage.totals(memberOf(caller)),
});
