/** The collected chains as they lie in the node's store: read for exports, and pruned by retention. */
import { z } from "zod";
import { type ChainPlace, collectedChain, endOf, seqKey } from "../../mesh/audit/chain-place.ts";
import type { AgentExport } from "../../mesh/audit/export.ts";
import { readHead } from "../../mesh/audit/head.ts";
import { firstSeq, pruneChain } from "../../mesh/audit/prune.ts";
import { type AuditBridge, auditBridge, type AuditEvent } from "../../mesh/contract/audit.ts";
import { sha256 } from "../../mesh/contract/ids.ts";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { CommitQueue, OrderedStore, Transaction } from "../../mesh/contract/ports.ts";
import { ownEvent, type OwnIdentity } from "../own-event.ts";
import type { ReceiptLog } from "./receipt-log.ts";

/** Events, and chains' ends, that are read at once. */
const PAGE = 500;
const ENDS = "collected/end/";
const BRIDGES = "collected/bridge/";

const storedEnd = z.strictObject({
  seq: z.int().min(1),
  hash: sha256,
  head: z.string(),
  /** Where in the node's log this end is. */
  index: z.int().min(0).optional(),
  /** A later end that the node had given a receipt for before it lost events: the chain has to lead there. */
  owed: z.strictObject({ seq: z.int().min(1), hash: sha256 }).optional(),
  /** The event of the last checkpoint, and the day on which the last events came. */
  checkpoint: z.strictObject({ seq: z.int().min(0), day: z.int() }).optional(),
});
/** The end of a collected chain. */
export type StoredEnd = z.infer<typeof storedEnd>;

/** Key of a chain's end. */
export const endKey = (agentId: string): string => `${ENDS}${agentId}`;
/** Key of a collected event. */
export const eventKey = (agentId: string, seq: number): string => seqKey(collectedChain(agentId).events, seq);

/** Key of a bridge, by the last event that is gone. */
export const bridgeKey = (agentId: string, seq: number): string => seqKey(`${BRIDGES}${agentId}/`, seq);

/** A chain's bridges over lost events. */
async function bridgesOf(store: OrderedStore, agentId: string): Promise<AuditBridge[]> {
  const prefix = `${BRIDGES}${agentId}/`;
  const rows = await store.range({ gte: prefix, lt: endOf(prefix) });
  return rows.map(([, text]) => parseAs(auditBridge, parseJson(text, "A bridge"), "A bridge"));
}

/** The end of a collected chain; undefined before its first event. */
export const readEnd = (text: string | undefined): StoredEnd | undefined =>
  text === undefined ? undefined : parseAs(storedEnd, parseJson(text, "A chain's end"), "A chain's end");

/** A collected event; undefined where it is not there (any more). */
export function readCollected(store: Pick<OrderedStore, "get">, agentId: string, seq: number): AuditEvent | undefined {
  const text = store.get(eventKey(agentId, seq));
  return text === undefined ? undefined : (JSON.parse(text) as AuditEvent);
}

/** The events of a chain from its anchor up to a number, read in pages. */
export async function* eventsOf(store: OrderedStore, place: ChainPlace, upTo: number): AsyncGenerator<AuditEvent> {
  for (let seq = firstSeq(store, place); seq <= upTo; seq += PAGE) {
    const rows = await store.range({ gte: seqKey(place.events, seq), lt: seqKey(place.events, Math.min(seq + PAGE, upTo + 1)) });
    for (const [, text] of rows) yield JSON.parse(text) as AuditEvent;
  }
}

/** All ends, read in pages. */
async function* ends(store: OrderedStore): AsyncGenerator<[agentId: string, end: StoredEnd]> {
  for (let from = ENDS; ; ) {
    const rows = await store.range({ gte: from, lt: endOf(ENDS), limit: PAGE });
    for (const [key, text] of rows) {
      const end = readEnd(text);
      if (end !== undefined) yield [key.slice(ENDS.length), end];
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    from = `${last[0]}\0`;
  }
}

/**
 * The chains for an export, as they were when it began: the node's log must be read after this has been called.
 * @returns each chain with its receipt in the log of `size`
 */
export async function snapshotChains(deps: { store: OrderedStore; log: Pick<ReceiptLog, "inclusion"> }) {
  const { store, log } = deps;
  const all: [string, StoredEnd][] = [];
  for await (const one of ends(store)) all.push(one);
  return async function* (credentials: ReadonlyMap<string, string>, size: number): AsyncGenerator<AgentExport> {
    for (const [agentId, { seq, head, index }] of all) {
      const place = collectedChain(agentId);
      const credential = credentials.get(agentId);
      yield {
        agentId,
        credentials: credential === undefined ? [] : [credential],
        anchor: store.get(place.anchor),
        events: eventsOf(store, place, seq),
        bridges: await bridgesOf(store, agentId),
        head,
        receipt: index === undefined ? undefined : { index, proof: log.inclusion(index, size) },
      };
    }
  };
}

/** The latest time that an agent has signed, in milliseconds since the epoch; undefined where none has sent anything. */
export async function latestWord(store: OrderedStore): Promise<number | undefined> {
  let latest: number | undefined;
  for await (const [, { head }] of ends(store)) latest = Math.max(latest ?? 0, Date.parse(readHead(head).ts));
  return latest;
}

/**
 * Prunes every collected chain.
 * @param beforeMs checkpoints that the node took later stay
 * @param onDelete told in the same transition of events that go
 */
export async function pruneCollected(
  deps: { store: OrderedStore; queue: CommitQueue; own: OwnIdentity; onDelete(tx: Transaction, events: readonly AuditEvent[]): void },
  beforeMs: number,
): Promise<void> {
  for await (const [agentId, end] of ends(deps.store)) {
    const note = (tx: Transaction, seq: number): void =>
      tx.audit(ownEvent(deps.own, { action: "audit.prune", target: `agent:${agentId}`, result: "ok", details: { seq } }));
    const onDelete = (tx: Transaction, texts: readonly string[]): void =>
      deps.onDelete(
        tx,
        texts.map((text) => JSON.parse(text) as AuditEvent),
      );
    await pruneChain({ ...deps, onDelete }, collectedChain(agentId), { beforeMs, upTo: end.seq - 1 }, note);
  }
}
