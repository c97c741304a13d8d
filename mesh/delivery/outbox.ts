/**
 * The outbox: at-least-once delivery. A message is on the disk before it is signed and sent; it leaves the disk in the same batch in which its
 * receipt is recorded. Retries with backoff and jitter; dead letters keep the reason. Sans-IO. Source: design, Durability; spec M4.
 */
import type { AuditDraft } from "../contract/audit.ts";
import { ERROR_TABLE, errorCode, GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import { jsonText } from "../contract/json.ts";
import { type Receipt, receipt } from "../contract/message.ts";
import type { OrderedStore, Transaction } from "../contract/ports.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { createHandOver } from "./hand-over.ts";
import { assertInvariant, brokenInvariant } from "./invariants.ts";
import { putRecord, recordFor, recordText } from "./outbox-accept.ts";
import { endAudit, sendAudit } from "./outbox-audit.ts";
import { pages } from "./outbox-items.ts";
import { DEAD_RANGE, type DeadLetter, deadKey, type OutboxRecord, QUEUED_RANGE, queuedKey, SEQ_KEY } from "./outbox-record.ts";
import { createOutboxView } from "./outbox-view.ts";
import type { Outbox, OutboxDeps } from "./outbox-types.ts";
import { createSendStream, entryOf, type OutboxEntry, type SendStream } from "./send-stream.ts";

/** Messages in flight to one recipient. */
const DEFAULT_WINDOW = 32;
/** How often messages are looked through for those whose time is over. */
const SWEEP_MS = 30_000;

const isRetryable = (code: string): boolean => Object.hasOwn(ERROR_TABLE, code) && ERROR_TABLE[code as keyof typeof ERROR_TABLE].retryable;

const FINAL: ReadonlySet<string> = new Set(["REVOKED", "TOO_LARGE", "POLICY_DENIED"]);
/** Errors of the link, or of policy as the message leaves, after which another try can't help. */
const isFinal = (error: unknown): boolean => error instanceof GaggleError && FINAL.has(error.code);

/** Messages of which only the newest counts: one that could not be delivered is worth nothing. */
const LOSSY: ReadonlySet<string> = new Set(["task.progress", "task.read", "session.report"]);

/** Makes the outbox. `window`: messages in flight to one recipient (default 32). */
export function createOutbox(deps: OutboxDeps, config: { actor: AuditDraft["actor"]; window?: number }): Outbox {
  const streams = new Map<string, SendStream>();
  const wakers = new Map<string, { at: number; cancel: () => void }>();
  const window = config.window ?? DEFAULT_WINDOW;
  const halted = new Set<string>();
  const reported = new Set<string>();
  let stopped = false;
  let lastSeq = 0;
  let deadCount = 0;
  let cancelSweep: (() => void) | undefined;

  const handOver = createHandOver(deps);
  const view = createOutboxView({ clock: deps.clock, store: deps.store, streams });

  const chance = (): number => (deps.random.bytes(1)[0] ?? 0) / 256;

  /** Takes a message up. Only so many as may soon be in flight are kept in memory as a whole; the others are read again when their turn comes. */
  const add = (record: OutboxRecord, fresh: boolean): void => {
    const { agentId } = record.to;
    const stream = streams.get(agentId) ?? createSendStream(window);
    streams.set(agentId, stream);
    const entry = entryOf(record);
    if (fresh && stream.entries().size < 2 * window) entry.record = record;
    // What an earlier run of the daemon did with it is not known.
    if (!fresh) [entry.maybeTried, entry.mayBeThere] = [true, true];
    if (entry.movable !== undefined) handOver.takeUp(entry);
    if (!fresh && deps.isElsewhere(deps.store, entry.id)) entry.mayBeThere = true;
    stream.add(entry);
    cancelSweep ??= deps.clock.after(SWEEP_MS, sweep);
  };

  /** The record of an entry. @throws GaggleError INTERNAL where the disk does not have it: then an invariant is broken */
  const recordOf = (source: Pick<OrderedStore, "get">, { record, seq }: OutboxEntry): OutboxRecord => {
    if (record !== undefined) return record;
    const text = source.get(queuedKey(seq));
    assertInvariant(text !== undefined, "outbox.on-disk", { seq });
    return JSON.parse(text) as OutboxRecord;
  };

  /** Ends messages whose time is over, also those that wait for a recipient that is away. */
  const sweep = (): void => {
    cancelSweep = undefined;
    if (stopped) return;
    const now = deps.clock.now();
    for (const [agentId, stream] of streams) {
      let ended = false;
      for (const entry of stream.entries().values()) {
        if (entry.exp > now || !stream.remove(entry)) continue;
        buryExpired(entry);
        ended = true;
      }
      if (ended) pump(agentId);
    }
    if (streams.size > 0) cancelSweep ??= deps.clock.after(SWEEP_MS, sweep);
  };

  /** Records the end of a message; after a failed write the daemon stops, and the next start sends it again. */
  const commit = (transition: (tx: Transaction) => void): void => {
    deps.queue.run(transition, { finishing: true }).catch(deps.onError);
  };

  const takeOff = (tx: Transaction, { seq, movable }: OutboxRecord): void => {
    tx.del(queuedKey(seq));
    if (movable === true) handOver.forget(tx, seq);
  };

  const deliverIn = (tx: Transaction, record: OutboxRecord, attempts: number): void => {
    takeOff(tx, record);
    tx.audit(endAudit(config.actor, record, "message.deliver", { attempts }));
    deps.onDelivered(tx, record);
  };

  /** A receipt that came another way meanwhile was quicker. */
  const deliver = (record: OutboxRecord, attempts: number): void =>
    commit((tx) => (tx.get(queuedKey(record.seq)) === undefined ? undefined : deliverIn(tx, record, attempts)));

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

  const bury = (entry: OutboxEntry, code: string, reason: string): void =>
    commit((tx) => (tx.get(queuedKey(entry.seq)) === undefined ? undefined : buryIn(tx, entry, code, reason)));

  const buryExpired = (entry: OutboxEntry): void =>
    bury(entry, "ENVELOPE_EXPIRED", `It could not be delivered before it expired. Last error: ${entry.lastError ?? "none"}.`);

  const wakeAt = (agentId: string, at: number): void => {
    const planned = wakers.get(agentId);
    if (planned !== undefined && planned.at <= at) return;
    planned?.cancel();
    const cancel = deps.clock.after(Math.max(1, at - deps.clock.now()), () => {
      wakers.delete(agentId);
      pump(agentId);
    });
    wakers.set(agentId, { at, cancel });
  };

  const request = async (record: OutboxRecord, entry: OutboxEntry): Promise<Receipt> => {
    const answer = await deps.link.request(record.to.agentId, await deps.seal(record), () => handOver.begin(entry));
    assertInvariant(entry.left === true, "outbox.hand-over-told", { seq: entry.seq });
    const parsed = receipt.parse(JSON.parse(Buffer.from(answer).toString("utf8")));
    if (parsed.id !== record.id) throw new GaggleError("INTERNAL", "The receipt is for another message.");
    return parsed;
  };

  const settle = (stream: SendStream, entry: OutboxEntry, record: OutboxRecord, got: Receipt): void => {
    if (entry.isSettled === true) stream.settled(entry, true);
    else if (got.status === "busy") {
      entry.lastError = "BUSY";
      // Spread over the second half, so that many who were told the same do not come back at once.
      stream.busy(entry, deps.clock.now(), got.retryAfterMs * (1 + chance() / 2));
    } else if (got.status === "refused" && isRetryable(got.code)) {
      entry.lastError = got.code;
      stream.refused(entry, deps.clock.now(), chance());
    } else {
      stream.settled(entry, true);
      if (got.status === "refused") bury(entry, got.code, got.reason);
      else deliver(record, entry.attempts);
    }
  };

  const fail = (stream: SendStream, entry: OutboxEntry, error: unknown): void => {
    entry.lastError = errorCode(error);
    if (entry.isSettled === true) stream.settled(entry, false);
    else if (isFinal(error)) {
      stream.settled(entry, false);
      const why = error instanceof GaggleError && error.code === "POLICY_DENIED" ? error.message : undefined;
      bury(entry, entry.lastError, why ?? "The recipient can't receive this message.");
    } else if (entry.lastError === "GUARD_REFUSED" || brokenInvariant(error) !== undefined) stream.held(entry, deps.clock.now(), chance());
    else {
      stream.failed(entry, deps.clock.now(), chance());
      const unreached = handOver.unreached(stream.entries().values());
      if (unreached.length > 0) deps.onUnreached?.(unreached);
    }
  };

  const send = async (agentId: string, stream: SendStream, entry: OutboxEntry): Promise<void> => {
    entry.attempts++;
    try {
      const record = recordOf(deps.store, entry);
      if (entry.isWork && deps.isElsewhere(deps.store, entry.id)) entry.mayBeThere = true;
      const got = await request(record, entry);
      if (stopped) return;
      settle(stream, entry, record, got);
    } catch (error) {
      if (stopped) return;
      report(error);
      fail(stream, entry, error);
    }
    pump(agentId);
  };

  /** A broken invariant is recorded, once a kind, recipient and run of the daemon. */
  const report = (error: unknown, agentId = ""): void => {
    const invariant = brokenInvariant(error);
    if (invariant === undefined || reported.has(invariant + agentId)) return;
    deps.onError(error);
    reported.add(invariant + agentId);
    commit((tx) =>
      tx.audit({
        actor: config.actor,
        action: "delivery.broken",
        target: `invariant:${invariant}`,
        result: "failed",
        traceId: Buffer.from(deps.random.bytes(16)).toString("hex"),
      }),
    );
  };

  /** Sends what may be sent. Where an invariant is broken, nothing more goes to that recipient until the daemon starts anew from its disk. */
  const pump = (agentId: string): void => {
    if (halted.has(agentId)) return;
    try {
      pumpStream(agentId);
    } catch (error) {
      halted.add(agentId);
      report(error, agentId);
    }
  };

  const pumpStream = (agentId: string): void => {
    const stream = streams.get(agentId);
    if (stream === undefined || stopped) return;
    const now = deps.clock.now();
    for (let entry = stream.take(now); entry !== undefined; entry = stream.take(now)) {
      if (entry.exp <= now) {
        stream.settled(entry, false);
        buryExpired(entry);
      } else void send(agentId, stream, entry);
    }
    if (stream.isEmpty()) {
      streams.delete(agentId);
      wakers.get(agentId)?.cancel();
      wakers.delete(agentId);
      return;
    }
    const next = stream.nextAt(now);
    if (next !== undefined) wakeAt(agentId, next);
  };

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
      add(made, true);
      pump(made.to.agentId);
    });
  };

  const dead = createDeadLetters(deps, {
    actor: config.actor,
    store,
    forget: (tx) => tx.afterCommit(() => void deadCount--),
  });

  return {
    async start() {
      lastSeq = Number(deps.store.get(SEQ_KEY) ?? 0);
      for await (const page of pages(deps.store, QUEUED_RANGE)) for (const text of page) add(JSON.parse(text) as OutboxRecord, false);
      for await (const page of pages(deps.store, DEAD_RANGE)) deadCount += page.length;
      for (const [agentId, stream] of streams) {
        const unreached = handOver.unreached(stream.entries().values());
        if (unreached.length > 0) deps.onUnreached?.(unreached);
        pump(agentId);
      }
    },
    stop() {
      stopped = true;
      cancelSweep?.();
      for (const { cancel } of wakers.values()) cancel();
      wakers.clear();
    },
    enqueue(tx, outgoing) {
      const made = recordFor(tx, outgoing, deps);
      const { id, to, policyHash, ref } = made;
      store(tx, made);
      tx.audit(
        sendAudit(config.actor, { ...outgoing, id, to, policyHash, type: outgoing.message.type, ...(ref === undefined ? {} : { ref }) }),
      );
      return id;
    },
    takeBack(tx, { id, seq = view.find(id)?.entry.seq ?? 0 }) {
      const text = tx.get(queuedKey(seq));
      if (text === undefined || !handOver.isMarked(tx, { seq, id }) || deps.isElsewhere(tx, id)) return undefined;
      const waits = JSON.parse(text) as OutboxRecord;
      takeOff(tx, waits);
      tx.audit(endAudit(config.actor, waits, "message.withdraw", {}));
      tx.afterCommit(() => {
        const stream = streams.get(waits.to.agentId);
        const entry = stream?.entries().get(seq);
        if (entry !== undefined && stream?.remove(entry) !== true) entry.isSettled = true;
        pump(waits.to.agentId);
      });
      return waits.message;
    },
    auditDenied(tx, outgoing) {
      const policyHash = outgoing.decision?.policyHash ?? deps.policyHash();
      tx.audit(sendAudit(config.actor, { ...outgoing, id: newUuid(tx.now, deps.random), policyHash, type: outgoing.message.type }));
    },
    peerConnected(agentId) {
      streams.get(agentId)?.unblock();
      pump(agentId);
    },
    wakeAll() {
      for (const [agentId, stream] of streams) {
        stream.unblock();
        pump(agentId);
      }
    },
    waiting: view.waiting,
    record: view.record,
    receipted(tx, { seq, id }, got) {
      const text = tx.get(queuedKey(seq));
      const waits = text === undefined ? undefined : (JSON.parse(text) as OutboxRecord);
      const stream = streams.get(waits?.to.agentId ?? "");
      const entry = stream?.entries().get(seq);
      if (waits?.id !== id || entry === undefined) return;
      if (got.status === "stored") deliverIn(tx, waits, entry.attempts);
      else buryIn(tx, entry, got.code, got.reason);
      tx.afterCommit(() => {
        if (stream?.remove(entry) !== true) entry.isSettled = true;
        pump(waits.to.agentId);
      });
    },
    list: view.list,
    counts: () => ({ ...view.counts(), dead: deadCount }),
    dead: dead.list,
    async withdraw(id) {
      const found = view.find(id);
      if (found === undefined) throw new GaggleError("NOT_FOUND", "No such message waits; `gaggle outbox` lists them.");
      const { agentId, stream, entry } = found;
      if (!entry.isWork)
        throw new GaggleError("STATE_CONFLICT", "This message continues something that its recipient knows, so it has to arrive.");
      const waits = recordOf(deps.store, entry);
      const isTried = entry.attempts > 0 || entry.maybeTried === true || deps.isElsewhere(deps.store, id);
      if (isTried || !stream.remove(entry)) return { withdrawn: false, record: waits };
      const withdrawn = await deps.queue.run(
        (tx) => {
          // Meanwhile it was given to somebody else: that one is to be told.
          if (tx.get(queuedKey(entry.seq)) === undefined) return false;
          // It left for elsewhere since it was looked at.
          if (deps.isElsewhere(tx, id)) {
            tx.afterCommit(() => add(waits, false));
            return false;
          }
          takeOff(tx, waits);
          tx.audit(endAudit(config.actor, waits, "message.withdraw", {}));
          deps.onWithdrawn(tx, waits);
          return true;
        },
        { finishing: true },
      );
      pump(agentId);
      return { withdrawn, record: waits };
    },
    retry: dead.retry,
    retryAll: dead.retryAll,
  };
}
