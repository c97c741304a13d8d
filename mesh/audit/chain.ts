/** An agent's audit chain: links drafts to events and keeps them in the daemon's store. Hash rule: mesh/contract/audit.ts, docs/audit-format.md. */
import { type AuditDraft, type AuditEvent, auditDraft, auditEvent, GENESIS_HASH } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import { canonicalJson, jsonText, parseAs, parseJson, sha256Hex } from "../contract/json.ts";
import type { OrderedStore, Random, StoreOp } from "../contract/ports.ts";
import { DAMAGED_FIX } from "../store/store-files.ts";

const PREFIX = "audit/event/";
/** Sorts after every key that starts with {@link PREFIX}. */
const END = "audit/event/~";

/** Events that are looked at when a chain is opened: more than the log of the store holds, behind which LevelDB checks for itself. */
const TAIL_EVENTS = 10_000;

const eventKey = (seq: number): string => `${PREFIX}${seq.toString().padStart(16, "0")}`;

/** The end of a chain: `seq` 0 and {@link GENESIS_HASH} before the first event. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** The end of a chain without events. */
export const EMPTY_CHAIN: ChainEnd = { seq: 0, hash: GENESIS_HASH };

/** Hash of an event: SHA-256 over the RFC 8785 form of the event without `hash`. */
export function eventHash(event: Omit<AuditEvent, "hash"> & { hash?: string }): string {
  const { hash: _, ...body } = event;
  return sha256Hex(canonicalJson(body));
}

/** An object's entries in the order of RFC 8785: by UTF-16 code units. */
const sorted = <T>(object: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The RFC 8785 text of an event, by writing its keys in that order; of one without `hash`, what is hashed. */
function eventText(event: Omit<AuditEvent, "hash"> & { hash?: string }): string {
  const { action, actor, agentId, cost, details, hash, hashPrev, id, redactions, result, seq, target, tenantId, traceId, ts, v } = event;
  return jsonText({
    action,
    actor: { id: actor.id, role: actor.role, type: actor.type },
    agentId,
    cost: { tokens: cost.tokens, usd: cost.usd },
    details: sorted(details),
    hash,
    hashPrev,
    id,
    redactions: redactions.map((one) => ({ class: one.class, count: one.count })),
    result,
    seq,
    target,
    tenantId,
    traceId,
    ts,
    v,
  });
}

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
}

/** An agent's audit chain. `link` and `committed` are for the commit queue alone. */
export interface AuditChain {
  /** The last event on the disk. */
  head(): ChainEnd;
  /** Events from `fromSeq` on, at most `limit`, in order. */
  list(query: { fromSeq: number; limit: number }): Promise<AuditEvent[]>;
  /** Calls `listener` for each new event once it is on the disk; returns a function that ends it. */
  subscribe(listener: (event: AuditEvent) => void): () => void;
  link(drafts: readonly AuditDraft[], nowMs: number): readonly StoreOp[];
  committed(): void;
}

/**
 * The end of the stored chain. LevelDB skips what it can't read in a damaged log and goes on behind it; since every batch of weight has an event, such
 * a hole shows among the last ones.
 */
async function storedEnd(store: OrderedStore): Promise<ChainEnd> {
  const rows = await store.range({ gte: PREFIX, lt: END, limit: TAIL_EVENTS, reverse: true });
  const [last] = rows;
  if (last === undefined) return EMPTY_CHAIN;
  const end = parseAs(auditEvent, parseJson(last[1], "The last audit event"), "The last audit event");
  const tail = rows.map(([, text]) => JSON.parse(text) as AuditEvent);
  for (const [i, event] of tail.entries()) {
    const before = tail[i + 1];
    if (before === undefined ? rows.length === TAIL_EVENTS || event.seq === 1 : before.hash === event.hashPrev) continue;
    throw new GaggleError("STORE_FAILED", `The store is damaged: what came before audit event ${event.seq} is missing. ${DAMAGED_FIX}`);
  }
  return { seq: end.seq, hash: end.hash };
}

/**
 * Opens the agent's chain and takes up its end from the store.
 * @throws GaggleError INVALID_INPUT where the stored end is not an audit event, STORE_FAILED where events are missing before it
 */
export async function openAuditChain(deps: AuditChainDeps, config: { org: string; agentId: string }): Promise<AuditChain> {
  const listeners = new Set<(event: AuditEvent) => void>();
  let durable = await storedEnd(deps.store);
  let tip = durable;
  let uncommitted: AuditEvent[] = [];

  const toEvent = (draft: AuditDraft, end: ChainEnd, nowMs: number): AuditEvent => {
    const body = {
      ...parseAs(auditDraft, draft, "The audit event"),
      v: 1 as const,
      id: newUuid(nowMs, deps.random),
      seq: end.seq + 1,
      ts: new Date(nowMs).toISOString(),
      tenantId: config.org,
      agentId: config.agentId,
      hashPrev: end.hash,
    };
    return { ...body, hash: sha256Hex(eventText(body)) };
  };

  return {
    head: () => durable,
    async list({ fromSeq, limit }) {
      const rows = await deps.store.range({ gte: eventKey(fromSeq), lt: END, limit });
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
      const ops = events.map((event): StoreOp => ({ type: "put", key: eventKey(event.seq), value: eventText(event) }));
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
