/**
 * The outbox: at-least-once delivery. A message is on the disk before it is signed and sent; it leaves the disk in the same batch in which its
 * receipt is recorded. Retries with backoff and jitter; dead letters keep the reason. Sans-IO. Source: design, Durability; spec M4.
 */
import type { AuditDraft } from "../contract/audit.ts";
import { newUuid } from "../contract/ids.ts";
import type { Transaction } from "../contract/ports.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { createHandOver } from "./hand-over.ts";
import { assertInvariant } from "./invariants.ts";
import { putRecord, recordFor, recordText } from "./outbox-accept.ts";
import { sendAudit } from "./outbox-audit.ts";
import { createBreachReport } from "./outbox-breach.ts";
import { createOutboxEnds } from "./outbox-ends.ts";
import { pages } from "./outbox-items.ts";
import { DEAD_RANGE, type OutboxRecord, QUEUED_RANGE, queuedKey, SEQ_KEY } from "./outbox-record.ts";
import { createOutboxStreams } from "./outbox-streams.ts";
import { createOutboxView } from "./outbox-view.ts";
import { createOutboxWithdraw } from "./outbox-withdraw.ts";
import type { Outbox, OutboxDeps } from "./outbox-types.ts";

/** Makes the outbox. `window`: messages in flight to one recipient (default 32). */
export function createOutbox(deps: OutboxDeps, config: { actor: AuditDraft["actor"]; window?: number }): Outbox {
  const { actor } = config;
  let lastSeq = 0;

  const handOver = createHandOver(deps);
  const ends = createOutboxEnds(deps, { actor, handOver });
  const report = createBreachReport(deps, { actor });
  const out = createOutboxStreams(deps, { ...config, handOver, ends, report });
  const view = createOutboxView({ clock: deps.clock, store: deps.store, streams: out.streams });
  const keep = (record: OutboxRecord): void => out.add(record, false);
  const back = createOutboxWithdraw(deps, { streams: out.streams, view, handOver, ends, keep, pump: out.pump });

  const store = (tx: Transaction, made: OutboxRecord): void => {
    const text = recordText(made);
    try {
      assertInvariant(made.seq > lastSeq, "outbox.seq-grows", { seq: made.seq, lastSeq });
    } catch (error) {
      report(error);
      throw error;
    }
    putRecord(tx, made, text);
    tx.afterCommit(() => {
      lastSeq = made.seq;
      out.add(made, true);
      out.pump(made.to.agentId);
    });
  };
  const dead = createDeadLetters(deps, { actor, store, forget: ends.forgetDead });

  return {
    async start() {
      lastSeq = Number(deps.store.get(SEQ_KEY) ?? 0);
      for await (const page of pages(deps.store, QUEUED_RANGE)) for (const text of page) keep(JSON.parse(text) as OutboxRecord);
      for await (const page of pages(deps.store, DEAD_RANGE)) ends.foundDead(page.length);
      for (const [agentId, stream] of out.streams) {
        const unreached = handOver.unreached(stream.entries().values());
        if (unreached.length > 0) deps.onUnreached?.(unreached);
        out.pump(agentId);
      }
    },
    stop: out.stop,
    enqueue(tx, outgoing) {
      const made = recordFor(tx, outgoing, deps);
      const { id, to, policyHash, ref } = made;
      store(tx, made);
      tx.audit(sendAudit(actor, { ...outgoing, id, to, policyHash, type: outgoing.message.type, ...(ref === undefined ? {} : { ref }) }));
      return id;
    },
    auditDenied(tx, outgoing) {
      const policyHash = outgoing.decision?.policyHash ?? deps.policyHash();
      tx.audit(sendAudit(actor, { ...outgoing, id: newUuid(tx.now, deps.random), policyHash, type: outgoing.message.type }));
    },
    peerConnected: out.unblock,
    wakeAll() {
      for (const agentId of out.streams.keys()) out.unblock(agentId);
    },
    waiting: view.waiting,
    record: view.record,
    receipted(tx, { seq, id }, got) {
      const text = tx.get(queuedKey(seq));
      const waits = text === undefined ? undefined : (JSON.parse(text) as OutboxRecord);
      const stream = out.streams.get(waits?.to.agentId ?? "");
      const entry = stream?.entries().get(seq);
      if (waits?.id !== id || entry === undefined) return;
      if (got.status === "stored") ends.deliverIn(tx, waits, entry.attempts);
      else ends.buryIn(tx, entry, got.code, got.reason);
      tx.afterCommit(() => {
        if (stream?.remove(entry) !== true) entry.isSettled = true;
        out.pump(waits.to.agentId);
      });
    },
    list: view.list,
    counts: () => ({ ...view.counts(), dead: ends.deadCount() }),
    dead: dead.list,
    ...back,
    retry: dead.retry,
    retryAll: dead.retryAll,
  };
}
