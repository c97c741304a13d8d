/** An agent's audit chain: links drafts to events and keeps them in the daemon's store. Hash rule: mesh/contract/audit.ts, docs/audit-format.md. */
import { type AuditDraft, type AuditEvent, auditDraft, auditEvent, GENESIS_HASH } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import type { OrderedStore, Random, Signer, StoreOp } from "../contract/ports.ts";
import { DAMAGED_FIX } from "../store/store-files.ts";
import { endOf, OWN_CHAIN, seqKey, seqOfKey } from "./chain-place.ts";
import { checkpointText, dayOf, isCheckpointDue } from "./checkpoint.ts";
import { eventHash, eventText } from "./event-text.ts";
import { readHead, signHead } from "./head.ts";

/** Events that are looked at when a chain is opened: more than the log of the store holds, behind which LevelDB checks for itself. */
const TAIL_EVENTS = 10_000;

const eventKey = (seq: number): string => seqKey(OWN_CHAIN.events, seq);

/** The end of a chain: `seq` 0 and {@link GENESIS_HASH} before the first event. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** The end of a chain without events. */
export const EMPTY_CHAIN: ChainEnd = { seq: 0, hash: GENESIS_HASH };

/**
 * Checks that events continue a chain without a gap, each with the right hash, and returns the new end.
 * @throws GaggleError AUDIT_GAP where the first event does not continue `end` or one is missing, AUDIT_BROKEN where a hash is wrong
 */
export function continueChain(end: ChainEnd, events: readonly AuditEvent[]): ChainEnd {
  let at = end;
  for (const event of events) {
    const details = { expectedSeq: at.seq + 1, seq: event.seq };
    if (event.seq !== at.seq + 1) {
      throw new GaggleError("AUDIT_GAP", `Event ${event.seq} does not follow event ${at.seq}. Send the events from ${at.seq + 1} on.`, {
        details,
      });
    }
    if (event.hashPrev !== at.hash) {
      throw new GaggleError("AUDIT_BROKEN", `Event ${event.seq} names another predecessor than event ${at.seq}: the chain was forked.`, {
        details,
      });
    }
    if (eventHash(event) !== event.hash)
      throw new GaggleError("AUDIT_BROKEN", `The hash of event ${event.seq} is wrong: it was altered.`, { details });
    at = { seq: event.seq, hash: event.hash };
  }
  return at;
}

/** What the chain needs. */
export interface AuditChainDeps {
  readonly store: OrderedStore;
  readonly random: Random;
  /** The agent's key. Without it no checkpoints are signed, and the chain can't be pruned. */
  readonly signer?: Signer;
}

/** An agent's audit chain. `link` and `committed` are for the commit queue alone. */
export interface AuditChain {
  /** The last event on the disk. */
  head(): ChainEnd;
  /** The signed head that the chain begins after, where it was pruned. */
  anchor(): string | undefined;
  /** Events from `fromSeq` on, at most `limit`, in order. */
  list(query: { fromSeq: number; limit: number }): Promise<AuditEvent[]>;
  /** Calls `listener` for each new event once it is on the disk; returns a function that ends it. */
  subscribe(listener: (event: AuditEvent) => void): () => void;
  link(drafts: readonly AuditDraft[], nowMs: number): readonly StoreOp[];
  committed(): void;
}

/** The chain as the disk has it. */
interface StoredChain {
  readonly end: ChainEnd;
  /** The event of its last checkpoint, and the day of its last event. */
  readonly last: { readonly seq: number; readonly day: number };
}

const damaged = (seq: number): GaggleError =>
  new GaggleError("STORE_FAILED", `The store is damaged: what came before audit event ${seq} is missing. ${DAMAGED_FIX}`);

/**
 * The end of the stored chain. LevelDB skips what it can't read in a damaged log and goes on behind it; since every batch of weight has an event, such
 * a hole shows among the last ones. What lies before an anchor may be half pruned.
 */
async function storedChain(store: OrderedStore): Promise<StoredChain> {
  const rows = await store.range({ gte: OWN_CHAIN.events, lt: endOf(OWN_CHAIN.events), limit: TAIL_EVENTS, reverse: true });
  const [last] = rows;
  const anchor = store.get(OWN_CHAIN.anchor);
  const start = anchor === undefined ? EMPTY_CHAIN : readHead(anchor);
  if (last === undefined && start.seq > 0) throw damaged(start.seq + 1);
  if (last === undefined) return { end: EMPTY_CHAIN, last: { seq: 0, day: 0 } };
  const end = parseAs(auditEvent, parseJson(last[1], "The last audit event"), "The last audit event");
  const tail = rows.map(([, text]) => JSON.parse(text) as AuditEvent).filter(({ seq }) => seq > start.seq);
  for (const [i, event] of tail.entries()) {
    const before = tail[i + 1]?.hash ?? (event.seq === start.seq + 1 ? start.hash : undefined);
    if (before === event.hashPrev || (before === undefined && rows.length === TAIL_EVENTS && i === tail.length - 1)) continue;
    throw damaged(event.seq);
  }
  if (tail.length === 0) throw damaged(start.seq + 1);
  const checkpoints = await store.range({ gte: OWN_CHAIN.checkpoints, lt: endOf(OWN_CHAIN.checkpoints), limit: 1, reverse: true });
  const seq = checkpoints[0] === undefined ? start.seq : seqOfKey(checkpoints[0][0]);
  return { end: { seq: end.seq, hash: end.hash }, last: { seq, day: dayOf(Date.parse(end.ts)) } };
}

/**
 * Opens the agent's chain and takes up its end from the store.
 * @throws GaggleError INVALID_INPUT where the stored end is not an audit event, STORE_FAILED where events are missing before it
 */
export async function openAuditChain(deps: AuditChainDeps, config: { org: string; agentId: string }): Promise<AuditChain> {
  const listeners = new Set<(event: AuditEvent) => void>();
  const stored = await storedChain(deps.store);
  let durable = stored.end;
  let tip = durable;
  let { last } = stored;
  let uncommitted: AuditEvent[] = [];

  const toEvent = (draft: AuditDraft, end: ChainEnd, nowMs: number): AuditEvent => {
    const body = {
      ...parseAs(auditDraft, draft, "The audit event"),
      v: 2 as const,
      id: newUuid(nowMs, deps.random),
      seq: end.seq + 1,
      ts: new Date(nowMs).toISOString(),
      tenantId: config.org,
      agentId: config.agentId,
      hashPrev: end.hash,
    };
    return { ...body, hash: eventHash(body) };
  };

  /** A checkpoint of the chain so far, where one is due before the next event: a place to prune at. */
  const checkpoint = (end: ChainEnd, nowMs: number): StoreOp[] => {
    if (deps.signer === undefined || !isCheckpointDue(end.seq, nowMs, last)) return [];
    last = { ...last, seq: end.seq };
    const head = {
      v: 1,
      org: config.org,
      agentId: config.agentId,
      seq: end.seq,
      hash: end.hash,
      ts: new Date(nowMs).toISOString(),
    } as const;
    return [
      { type: "put", key: seqKey(OWN_CHAIN.checkpoints, end.seq), value: checkpointText({ at: nowMs, jws: signHead(head, deps.signer) }) },
    ];
  };

  return {
    head: () => durable,
    anchor: () => deps.store.get(OWN_CHAIN.anchor),
    async list({ fromSeq, limit }) {
      const rows = await deps.store.range({ gte: eventKey(fromSeq), lt: endOf(OWN_CHAIN.events), limit });
      return rows.map(([, text]) => JSON.parse(text) as AuditEvent);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    link(drafts, nowMs) {
      let end = tip;
      const events = drafts.map((draft) => {
        const event = toEvent(draft, end, nowMs);
        end = event;
        return event;
      });
      if (events.length === 0) return [];
      const ops = checkpoint(tip, nowMs);
      for (const event of events) ops.push({ type: "put", key: eventKey(event.seq), value: eventText(event) });
      last = { ...last, day: Math.max(last.day, dayOf(nowMs)) };
      tip = { seq: end.seq, hash: end.hash };
      uncommitted.push(...events);
      return ops;
    },
    committed() {
      const events = uncommitted;
      uncommitted = [];
      durable = tip;
      for (const event of events) for (const listener of listeners) listener(event);
    },
  };
}
