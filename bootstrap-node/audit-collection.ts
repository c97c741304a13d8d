/** Collects agents' audit chains: only gap-free continuations, each with the agent's signed head. Source: design, Trust, Audit. */
import { type ChainEnd, continueChain, EMPTY_CHAIN } from "../mesh/audit/chain.ts";
import { collectedChain, seqKey } from "../mesh/audit/chain-place.ts";
import { checkpointText, dayOf, isCheckpointDue } from "../mesh/audit/checkpoint.ts";
import { eventText } from "../mesh/audit/event-text.ts";
import { type AgentExport, writeExport } from "../mesh/audit/export.ts";
import type { CheckedBridge } from "../mesh/audit/bridge.ts";
import { verifyHead } from "../mesh/audit/head.ts";
import { firstSeq } from "../mesh/audit/prune.ts";
import {
  type AuditAlarm,
  type AuditBridge,
  type AuditEvent,
  type AuditFilter,
  type AuditReceipt,
  SECOND_AGENT,
} from "../mesh/contract/audit.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { Principal } from "../mesh/contract/identity.ts";
import { CLOCK_LEEWAY_MS } from "../mesh/contract/limits.ts";
import type { Clock, CommitQueue, OrderedStore, Signer, Transaction } from "../mesh/contract/ports.ts";
import { type Acknowledging, createAuditAlarms } from "./audit/audit-alarms.ts";
import {
  endKey,
  eventKey,
  latestWord,
  pruneCollected,
  readCollected,
  readEnd,
  snapshotChains,
  type StoredEnd,
} from "./audit/collected-chains.ts";
import { createReceiptLog, type LogState } from "./audit/receipt-log.ts";
import { bridgesOfChain } from "./audit/lost-events.ts";
import type { BundleShelf } from "./bundle-shelf.ts";
import type { OwnIdentity } from "./own-event.ts";
import type { UsageCounters } from "./usage-totals.ts";

/** What an agent sends at once. */
export interface IngestBatch {
  readonly events: readonly AuditEvent[];
  readonly head: string;
  /** Size of the node's log that the agent knows. */
  readonly logSize?: number | undefined;
  /** Over what the node has lost and the agent has forgotten. */
  readonly bridge?: AuditBridge | undefined;
}

/** The chains that agents have sent. */
export interface AuditCollection {
  /**
   * Stores what of the member's events is new, durably, counts what they cost, and gives the end of the stored chain with the node's receipt for it.
   * What is stored already is skipped. What contradicts the chain is also recorded as an alarm.
   * @throws GaggleError CREDENTIAL_INVALID (another agent's events, or a head by another key), AUDIT_BROKEN (a wrong hash), AUDIT_GAP (a gap or a fork)
   */
  ingest(member: Principal, batch: IngestBatch): Promise<ChainEnd & { receipt?: AuditReceipt }>;
  /** Lines of an export of all chains as they are now, with the node's own as given. */
  export(input: {
    manifests: readonly string[];
    credentials: ReadonlyMap<string, string>;
    own: AgentExport | undefined;
    filter?: AuditFilter | undefined;
  }): AsyncGenerator<string>;
  /** The node's log as it is now, signed; with `first`, the proof that it goes on from that size. @throws GaggleError NOT_FOUND */
  log(first?: number, second?: number): { head: string; consistency: string[] };
  alarms(): Promise<AuditAlarm[]>;
  /** Closes an alarm. @throws GaggleError STATE_CONFLICT as {@link AuditAlarms.acknowledge} */
  acknowledge(about: Pick<AuditAlarm, "kind" | "agentId">, word: Acknowledging): Promise<AuditAlarm>;
  /** The latest time that an agent has signed, in milliseconds since the epoch; undefined where none has sent anything. */
  latestWord(): Promise<number | undefined>;
  /** Forgets events that are older than the retention allows to keep, up to a signed checkpoint. @param beforeMs what the node took later stays */
  prune(beforeMs: number): Promise<void>;
}

/** What the collection needs. */
export interface AuditCollectionDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly issuer: Signer;
  readonly own: OwnIdentity;
  readonly usage: Pick<UsageCounters, "count">;
  /** Says how long events are kept, and by whom receipts were signed. */
  readonly shelf: Pick<BundleShelf, "newest" | "manifests">;
  /** Told in the same transition of events that retention deletes. */
  onDelete?(tx: Transaction, events: readonly AuditEvent[]): void;
}

/** What became of a batch: taken, with the tree that then is, or refused. */
type Outcome = { readonly end: StoredEnd; readonly log: LogState | undefined } | { readonly end: undefined } | GaggleError;

/** Keeps the collected chains in the store. */
export function createAuditCollection(deps: AuditCollectionDeps, config: { org: string }): AuditCollection {
  const { store, queue } = deps;
  const log = createReceiptLog(deps, config);
  const alarms = createAuditAlarms(deps);
  const lost = bridgesOfChain(deps, config);

  /** The number of the first event that contradicts what is stored, or undefined. What was pruned can't be compared any more. */
  const forkedAt = (
    tx: Transaction,
    agentId: string,
    end: ChainEnd & Pick<StoredEnd, "owed">,
    events: readonly AuditEvent[],
  ): number | undefined => {
    const first = firstSeq(tx, collectedChain(agentId));
    const contradicts = (event: AuditEvent): boolean =>
      (event.seq === end.owed?.seq && event.hash !== end.owed.hash) ||
      (event.seq <= end.seq
        ? event.seq >= first && readCollected(tx, agentId, event.seq)?.hash !== event.hash
        : event.seq === end.seq + 1 && event.hashPrev !== end.hash);
    return events.find(contradicts)?.seq;
  };

  const continued = (tx: Transaction, agentId: string, end: ChainEnd, fresh: readonly AuditEvent[]): ChainEnd | GaggleError => {
    try {
      return continueChain(end, fresh);
    } catch (error) {
      if (!(error instanceof GaggleError)) throw error;
      const { seq, expectedSeq } = error.details as { seq: number; expectedSeq: number };
      alarms.raise(tx, { kind: error.code === "AUDIT_GAP" ? "gap" : "altered", agentId, seq, expectedSeq });
      return error;
    }
  };

  const take = (tx: Transaction, member: Principal, before: StoredEnd | undefined, next: ChainEnd, batch: IngestBatch): Outcome => {
    const { agentId } = member;
    const fresh = batch.events.filter(({ seq }) => seq > (before?.seq ?? 0));
    for (const event of fresh) tx.put(eventKey(agentId, event.seq), eventText(event));
    deps.usage.count(tx, member, fresh);
    const state = log.append(tx, { agentId, ...next });
    const last = before?.checkpoint ?? { seq: 0, day: 0 };
    const isDue = isCheckpointDue(next.seq, tx.now, last);
    if (isDue) tx.put(seqKey(collectedChain(agentId).checkpoints, next.seq), checkpointText({ at: tx.now, jws: batch.head }));
    const checkpoint = { seq: isDue ? next.seq : last.seq, day: Math.max(last.day, dayOf(tx.now)) };
    const owed = before?.owed !== undefined && before.owed.seq > next.seq ? { owed: before.owed } : {};
    const end: StoredEnd = { ...next, head: batch.head, index: state.size - 1, checkpoint, ...owed };
    tx.put(endKey(agentId), JSON.stringify(end));
    alarms.settle(tx, agentId);
    // The collection is where an admin looks: who has to know is not the person alone.
    for (const { action, seq } of fresh)
      if (action === SECOND_AGENT) alarms.raise(tx, { kind: "second-agent", agentId, seq, expectedSeq: seq });
    return { end, log: state };
  };

  const append = (tx: Transaction, member: Principal, batch: IngestBatch, bridge: CheckedBridge | undefined): Outcome => {
    const { agentId } = member;
    const stored = readEnd(tx.get(endKey(agentId)));
    const before = lost.across(stored, batch.bridge, bridge);
    const end: ChainEnd & Pick<StoredEnd, "owed"> = before ?? EMPTY_CHAIN;
    const forked = forkedAt(tx, agentId, end, batch.events);
    if (forked !== undefined) {
      alarms.raise(tx, { kind: "fork", agentId, seq: forked, expectedSeq: end.seq + 1 });
      const message = `Event ${forked} contradicts what this agent sent before: its chain was forked, and this was recorded.`;
      // The agent's own signature over the other history, so that it need not believe the node.
      return new GaggleError("AUDIT_GAP", message, {
        details: before === undefined ? { seq: forked } : { seq: forked, head: before.head },
      });
    }
    const fresh = batch.events.filter(({ seq }) => seq > end.seq);
    const next = continued(tx, agentId, { seq: end.seq, hash: end.hash }, fresh);
    if (next instanceof GaggleError) return next;
    if (fresh.length === 0) return stored === undefined ? { end: undefined } : { end: stored, log: undefined };
    checkHead(batch.head, { agentId, org: config.org, end: next, nowMs: tx.now });
    if (stored !== undefined && before !== stored && batch.bridge !== undefined && bridge !== undefined)
      lost.note(tx, stored, batch.bridge, bridge);
    return take(tx, member, before, next, batch);
  };

  /** The node's word for a chain's end: only for what is on the disk. */
  const receiptFor = (end: StoredEnd, state: LogState, known: number | undefined): AuditReceipt | undefined => {
    if (end.index === undefined) return undefined;
    const consistency = known === undefined || known > state.size ? {} : { consistency: log.consistency(known, state.size) };
    return { log: log.sign(state), index: end.index, inclusion: log.inclusion(end.index, state.size), ...consistency };
  };

  return {
    async ingest(member, batch) {
      const { agentId } = member;
      if (batch.events.some((event) => event.agentId !== agentId || event.tenantId !== config.org)) {
        throw new GaggleError(
          "CREDENTIAL_INVALID",
          "The audit events are another agent's than the caller's; each agent sends its own chain.",
        );
      }
      const bridge = batch.bridge === undefined ? undefined : await lost.check(agentId, batch.bridge);
      const outcome = await queue.run((tx) => append(tx, member, batch, bridge));
      if (outcome instanceof GaggleError) throw outcome;
      if (outcome.end === undefined) return EMPTY_CHAIN;
      const receipt = receiptFor(outcome.end, outcome.log ?? log.state(), batch.logSize);
      return { seq: outcome.end.seq, hash: outcome.end.hash, ...(receipt === undefined ? {} : { receipt }) };
    },
    async *export({ manifests, credentials, own, filter }) {
      const chains = await snapshotChains({ store, log });
      const state = log.state();
      async function* agents(): AsyncGenerator<AgentExport> {
        yield* chains(credentials, state.size);
        if (own !== undefined) yield own;
      }
      yield* writeExport({
        org: config.org,
        nowMs: deps.clock.now(),
        manifests,
        log: state.size === 0 ? undefined : log.sign(state),
        agents: agents(),
        signer: deps.issuer,
        filter,
      });
    },
    log(first, second) {
      const state = log.state();
      return { head: log.sign(state), consistency: first === undefined ? [] : log.consistency(first, second ?? state.size) };
    },
    alarms: () => alarms.list(),
    acknowledge: (about, word) => queue.run((tx) => alarms.acknowledge(tx, about, word)),
    latestWord: () => latestWord(store),
    prune: (beforeMs) => pruneCollected({ ...deps, onDelete: (tx, events) => deps.onDelete?.(tx, events) }, beforeMs),
  };
}

/** The head must be the agent's own word about exactly the last event of the batch, and not of a time to come: retention goes by it. */
function checkHead(jws: string, expected: { agentId: string; org: string; end: ChainEnd; nowMs: number }): void {
  const { agentId, org, end, nowMs } = expected;
  const head = verifyHead(jws, agentId);
  if (head.org !== org || head.seq !== end.seq || head.hash !== end.hash)
    throw new GaggleError("CREDENTIAL_INVALID", "The signed head is not about the last event that was sent; sign the head of this batch.");
  if (Date.parse(head.ts) > nowMs + CLOCK_LEEWAY_MS)
    throw new GaggleError("CLOCK_SKEW", "The signed head is from the future; set this machine's and the bootstrap node's clocks right.");
}
