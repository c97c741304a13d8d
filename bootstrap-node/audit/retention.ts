/** Forgets what the organisation's retention allows: of the collected chains and of the node's own. Source: docs/audit-format.md, Pruned chains. */
import type { AuditChain } from "../../mesh/audit/chain.ts";
import { OWN_CHAIN } from "../../mesh/audit/chain-place.ts";
import { pruneChain } from "../../mesh/audit/prune.ts";
import { RETENTION_DAYS } from "../../mesh/contract/limits.ts";
import type { Clock, CommitQueue, OrderedStore } from "../../mesh/contract/ports.ts";
import type { AuditCollection } from "../audit-collection.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import { ownEvent, type OwnIdentity } from "../own-event.ts";

const DAY_MS = 86_400_000;

/** What retention needs. */
export interface RetentionDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly clock: Pick<Clock, "now">;
  readonly shelf: Pick<BundleShelf, "newest">;
  readonly chain: Pick<AuditChain, "head">;
  readonly collection: Pick<AuditCollection, "prune" | "latestWord">;
  readonly own: OwnIdentity;
}

/**
 * Prunes all chains by the newest bundle's word, and by a time that the node's clock and an agent agree on: a clock that was set ahead forgets nothing.
 * @throws GaggleError BUNDLE_MISSING and its like: without a valid bundle nothing is forgotten
 */
export async function pruneByRetention(deps: RetentionDeps): Promise<void> {
  const { retentionDays = RETENTION_DAYS } = deps.shelf.newest().manifest;
  const nowMs = deps.clock.now();
  const beforeMs = Math.min(nowMs, (await deps.collection.latestWord()) ?? nowMs) - retentionDays * DAY_MS;
  await deps.collection.prune(beforeMs);
  await pruneChain(deps, OWN_CHAIN, { beforeMs, upTo: deps.chain.head().seq - 1 }, (tx, seq) =>
    tx.audit(ownEvent(deps.own, { action: "audit.prune", target: `agent:${deps.own.agentId}`, result: "ok", details: { seq } })),
  );
}
