/** How messages leave the outbox: delivered or dead, each in one batch with its audit event and what hangs on it. */
import type { AuditDraft } from "../contract/audit.ts";
import { jsonText } from "../contract/json.ts";
import type { OrderedStore, Transaction } from "../contract/ports.ts";
import type { createHandOver } from "./hand-over.ts";
import { assertInvariant } from "./invariants.ts";
import { endAudit } from "./outbox-audit.ts";
import { type DeadLetter, deadKey, type OutboxRecord, queuedKey } from "./outbox-record.ts";
import type { OutboxDeps } from "./outbox-types.ts";
import type { OutboxEntry } from "./send-stream.ts";

/** Messages of which only the newest counts: one that could not be delivered is worth nothing. */
const LOSSY: ReadonlySet<string> = new Set(["task.progress", "task.read", "session.report"]);

/** The record of an entry. @throws GaggleError INTERNAL where the disk does not have it: then an invariant is broken */
export function recordOf(source: Pick<OrderedStore, "get">, { record, seq }: OutboxEntry): OutboxRecord {
  if (record !== undefined) return record;
  const text = source.get(queuedKey(seq));
  assertInvariant(text !== undefined, "outbox.on-disk", { seq });
  return JSON.parse(text) as OutboxRecord;
}

/** Makes them. What begins a transaction of its own does nothing where the message has left already: a receipt that came another way was quicker. */
export function createOutboxEnds(
  deps: Pick<OutboxDeps, "queue" | "onDelivered" | "onDead" | "onError">,
  config: { actor: AuditDraft["actor"]; handOver: Pick<ReturnType<typeof createHandOver>, "forget"> },
) {
  let deadCount = 0;

  const takeOff = (tx: Transaction, { seq, movable }: OutboxRecord): void => {
    tx.del(queuedKey(seq));
    if (movable === true) config.handOver.forget(tx, seq);
  };

  const deliverIn = (tx: Transaction, record: OutboxRecord, attempts: number): void => {
    takeOff(tx, record);
    tx.audit(endAudit(config.actor, record, "message.deliver", { attempts }));
    deps.onDelivered(tx, record);
  };

  const buryIn = (tx: Transaction, entry: OutboxEntry, code: string, reason: string): void => {
    const { attempts } = entry;
    const record = recordOf(tx, entry);
    const letter: DeadLetter = { record, code, reason, attempts, diedAt: tx.now };
    takeOff(tx, record);
    tx.audit(endAudit(config.actor, record, "message.dead", { attempts, code }));
    deps.onDead(tx, record, { code, reason });
    // What is lossy by design is nothing to look at and send again.
    if (LOSSY.has(record.message.type)) return;
    tx.put(deadKey(record.id), jsonText(letter));
    tx.afterCommit(() => void deadCount++);
  };

  /** After a failed write the daemon stops, and the next start sends the message again. */
  const commit = ({ seq }: { seq: number }, transition: (tx: Transaction) => void): void => {
    const ifStillThere = (tx: Transaction): void => (tx.get(queuedKey(seq)) === undefined ? undefined : transition(tx));
    deps.queue.run(ifStillThere, { finishing: true }).catch(deps.onError);
  };
  const bury = (entry: OutboxEntry, code: string, reason: string): void => commit(entry, (tx) => buryIn(tx, entry, code, reason));

  return {
    deliverIn,
    buryIn,
    bury,
    deliver: (record: OutboxRecord, attempts: number): void => commit(record, (tx) => deliverIn(tx, record, attempts)),
    buryExpired: (entry: OutboxEntry): void =>
      bury(entry, "ENVELOPE_EXPIRED", `It could not be delivered before it expired. Last error: ${entry.lastError ?? "none"}.`),
    /** Its sender takes it back. */
    withdrawIn(tx: Transaction, record: OutboxRecord): void {
      takeOff(tx, record);
      tx.audit(endAudit(config.actor, record, "message.withdraw", {}));
    },

    /** How many dead letters there are; counted on from what the disk held at the start. */
    deadCount: (): number => deadCount,
    foundDead(count: number): void {
      deadCount += count;
    },
    forgetDead: (tx: Transaction): void => tx.afterCommit(() => void deadCount--),
  };
}
/** How messages leave the outbox. */
export type OutboxEnds = ReturnType<typeof createOutboxEnds>;
