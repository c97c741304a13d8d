/** Collects agents' audit chains: only gap-free continuations, each with the agent's signed head. Source: design, Trust, Audit. */
import { z } from "zod";
import { type AgentExport, writeExport } from "../mesh/audit/export.ts";
import { type ChainEnd, continueChain, EMPTY_CHAIN } from "../mesh/audit/chain.ts";
import { HEAD_TYP } from "../mesh/audit/head.ts";
import { type AuditEvent, auditHead } from "../mesh/contract/audit.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import { sha256 } from "../mesh/contract/ids.ts";
import { canonicalJson, parseAs, parseJson } from "../mesh/contract/json.ts";
import type { Principal } from "../mesh/contract/identity.ts";
import type { Clock, CommitQueue, OrderedStore, Signer, Transaction } from "../mesh/contract/ports.ts";
import { verifyJws } from "../mesh/identity/jws.ts";
import { jwkOfAgentId } from "../mesh/identity/keys.ts";
import { ownEvent, type OwnIdentity } from "./own-event.ts";
import type { UsageCounters } from "./usage-totals.ts";

/** Events that an export reads at once. */
const PAGE = 500;
/** At most one alarm about an agent in this time, so that nobody fills the disk with them. */
const ALARM_INTERVAL_MS = 60_000;

const storedEnd = z.strictObject({ seq: z.int().min(1), hash: sha256, head: z.string() });
type StoredEnd = z.infer<typeof storedEnd>;

const eventKey = (agentId: string, seq: number): string => `collected/event/${agentId}/${String(seq).padStart(16, "0")}`;
const endKey = (agentId: string): string => `collected/end/${agentId}`;
const alarmKey = (agentId: string): string => `collected/alarm/${agentId}`;

/** A collected event; undefined where it is not there (any more). */
export function readCollected(store: Pick<OrderedStore, "get">, agentId: string, seq: number): AuditEvent | undefined {
  const text = store.get(eventKey(agentId, seq));
  return text === undefined ? undefined : (JSON.parse(text) as AuditEvent);
}

/** The chains that agents have sent. */
export interface AuditCollection {
  /**
   * Stores what of the member's events is new, durably, counts what they cost, and gives the end of the stored chain. What is stored already is skipped.
   * @throws GaggleError CREDENTIAL_INVALID (another agent's events, or a head by another key), AUDIT_BROKEN (a wrong hash), AUDIT_GAP (a
   *   gap, or a
   *   fork, which is also recorded as an alarm)
   */
  ingest(member: Principal, batch: { events: readonly AuditEvent[]; head: string }): Promise<ChainEnd>;
  /** Lines of an export of all chains as they are now, with the node's own as given. */
  export(input: {
    manifests: readonly string[];
    credentials: ReadonlyMap<string, string>;
    own: AgentExport | undefined;
  }): AsyncGenerator<string>;
}

/** Keeps the collected chains in the store. */
export function createAuditCollection(
  deps: { store: OrderedStore; queue: CommitQueue; clock: Clock; issuer: Signer; own: OwnIdentity; usage: Pick<UsageCounters, "count"> },
  config: { org: string },
): AuditCollection {
  const { store, queue } = deps;

  const alarm = (tx: Transaction, agentId: string, seq: number): void => {
    if (tx.now - Number(tx.get(alarmKey(agentId)) ?? 0) < ALARM_INTERVAL_MS) return;
    tx.put(alarmKey(agentId), String(tx.now));
    tx.audit(ownEvent(deps.own, { action: "audit.fork", target: `agent:${agentId}`, result: "denied", details: { seq } }));
  };

  /** The number of the first event that contradicts what is stored, or undefined. */
  const forkedAt = (tx: Transaction, agentId: string, end: ChainEnd, events: readonly AuditEvent[]): number | undefined =>
    events.find((event) =>
      event.seq <= end.seq
        ? hashOf(tx.get(eventKey(agentId, event.seq))) !== event.hash
        : event.seq === end.seq + 1 && event.hashPrev !== end.hash,
    )?.seq;

  const append = (
    tx: Transaction,
    member: Principal,
    batch: { events: readonly AuditEvent[]; head: string },
  ): ChainEnd | { forkedAt: number } => {
    const { agentId } = member;
    const end = readEnd(tx.get(endKey(agentId)));
    const forked = forkedAt(tx, agentId, end, batch.events);
    if (forked !== undefined) {
      alarm(tx, agentId, forked);
      return { forkedAt: forked };
    }
    const fresh = batch.events.filter(({ seq }) => seq > end.seq);
    const next = continueChain(end, fresh);
    if (fresh.length === 0) return end;
    checkHead(batch.head, agentId, config.org, next);
    for (const event of fresh) tx.put(eventKey(agentId, event.seq), canonicalJson(event));
    deps.usage.count(tx, member, fresh);
    tx.put(endKey(agentId), JSON.stringify({ ...next, head: batch.head } satisfies StoredEnd));
    return next;
  };

  async function* eventsOf(agentId: string, upTo: number): AsyncGenerator<AuditEvent> {
    for (let seq = 1; seq <= upTo; seq += PAGE) {
      const rows = await store.range({ gte: eventKey(agentId, seq), lt: eventKey(agentId, Math.min(seq + PAGE, upTo + 1)) });
      for (const [, text] of rows) yield JSON.parse(text) as AuditEvent;
    }
  }

  async function* chains(credentials: ReadonlyMap<string, string>): AsyncGenerator<AgentExport> {
    for (const [key, text] of await store.range({ gte: "collected/end/", lt: "collected/end/~" })) {
      const agentId = key.slice("collected/end/".length);
      const { seq, head } = parseAs(storedEnd, parseJson(text, "A chain's end"), "A chain's end");
      const credential = credentials.get(agentId);
      yield { agentId, credentials: credential === undefined ? [] : [credential], events: eventsOf(agentId, seq), head };
    }
  }

  return {
    async ingest(member, batch) {
      const { agentId } = member;
      if (batch.events.some((event) => event.agentId !== agentId || event.tenantId !== config.org)) {
        throw new GaggleError(
          "CREDENTIAL_INVALID",
          "The audit events are another agent's than the caller's; each agent sends its own chain.",
        );
      }
      const end = await queue.run((tx) => append(tx, member, batch));
      if (!("forkedAt" in end)) return { seq: end.seq, hash: end.hash };
      const message = `Event ${end.forkedAt} contradicts what this agent sent before: its chain was forked, and this was recorded.`;
      throw new GaggleError("AUDIT_GAP", message, { details: { seq: end.forkedAt } });
    },
    async *export({ manifests, credentials, own }) {
      async function* agents(): AsyncGenerator<AgentExport> {
        yield* chains(credentials);
        if (own !== undefined) yield own;
      }
      yield* writeExport({ org: config.org, nowMs: deps.clock.now(), manifests, agents: agents(), signer: deps.issuer });
    },
  };
}

const readEnd = (text: string | undefined): ChainEnd =>
  text === undefined ? EMPTY_CHAIN : parseAs(storedEnd, parseJson(text, "A chain's end"), "A chain's end");

const hashOf = (text: string | undefined): string | undefined => (text === undefined ? undefined : (JSON.parse(text) as AuditEvent).hash);

/** The head must be the agent's own word about exactly the last event of the batch. */
function checkHead(jws: string, agentId: string, org: string, end: ChainEnd): void {
  const head = auditHead.safeParse(verifyJws({ jws, typ: HEAD_TYP, key: jwkOfAgentId(agentId) }));
  const fits =
    head.success && head.data.org === org && head.data.agentId === agentId && head.data.seq === end.seq && head.data.hash === end.hash;
  if (!fits)
    throw new GaggleError("CREDENTIAL_INVALID", "The signed head is not about the last event that was sent; sign the head of this batch.");
}
