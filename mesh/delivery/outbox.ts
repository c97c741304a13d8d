/**
 * The outbox: at-least-once delivery. A message is on the disk before it is signed and sent; it leaves the disk in the same batch in which its
 * receipt is recorded. Retries with backoff and jitter; dead letters keep the reason. Sans-IO. Source: design, Durability; spec M4.
 */
import type { AuditDraft } from "../contract/audit.ts";
import type { OutboxItem } from "../contract/daemon-api.ts";
import { ERROR_TABLE, errorCode, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { newUuid } from "../contract/ids.ts";
import { jsonText } from "../contract/json.ts";
import { ENVELOPE_LIFETIME_MS } from "../contract/limits.ts";
import { type Receipt, receipt } from "../contract/message.ts";
import type {
  Clock,
  CommitQueue,
  OrderedStore,
  OutgoingMessage,
  PeerLink,
  PolicyDecision,
  Random,
  Transaction,
} from "../contract/ports.ts";
import { DEAD_RANGE, type DeadLetter, deadKey, type OutboxRecord, QUEUED_RANGE, queuedKey, SEQ_KEY, traceIdOf } from "./outbox-record.ts";
import { assertInvariant, brokenInvariant } from "./invariants.ts";
import { createSendStream, entryOf, type OutboxEntry, type SendStream } from "./send-stream.ts";

/** Largest message in bytes of its canonical JSON: with claims, credential and base64url it still fits a frame. */
export const MAX_MESSAGE_BYTES = 768_000;
/** Messages in flight to one recipient. */
const DEFAULT_WINDOW = 32;
/** Records read from the disk at once. */
const PAGE = 500;
/** How often messages are looked through for those whose time is over. */
const SWEEP_MS = 30_000;

/** What the outbox needs. */
export interface OutboxDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly link: PeerLink;
  /** Signs a record as an envelope with the credential of now; masked first, where it leaves for another department. */
  seal(record: OutboxRecord): Promise<Uint8Array>;
  /** Hash of the policy set in force, for messages on which no rule decides. */
  policyHash(): string;
  /** In the batch of the receipt: the receiver's disk has the message. */
  onDelivered(tx: Transaction, record: OutboxRecord): void;
  /** In the batch of the dead letter. */
  onDead(tx: Transaction, record: OutboxRecord, failure: { code: string; reason: string }): void;
  /**
   * In the batch that sends a dead letter again: the sender's policy decision of now, where the message needs one.
   * @throws GaggleError STATE_CONFLICT where it can't be sent again
   */
  onRetry(tx: Transaction, record: OutboxRecord): PolicyDecision | undefined;
  /** In the batch that takes a message out that was never tried: its sender wants it no more. */
  onWithdrawn(tx: Transaction, record: OutboxRecord): void;
  /** Told about what should not happen; the message stays queued. */
  onError(error: unknown): void;
}

/** What a recipient said of a message that it got another way than over a connection. */
export type LateReceipt = { readonly status: "stored" } | { readonly status: "refused"; readonly code: string; readonly reason: string };

/** The outbox of one agent. */
export interface Outbox {
  /** Takes up what the disk holds; call once before anything else. */
  start(): Promise<void>;
  /** Ends all sending; what waits stays on the disk. */
  stop(): void;
  /** Records a message in the caller's transaction; it is sent after the sync. @returns the envelope's id @throws GaggleError TOO_LARGE */
  enqueue(tx: Transaction, outgoing: OutgoingMessage): string;
  /** Records that the sender's policy did not let a message go; nothing is queued. */
  auditDenied(tx: Transaction, outgoing: OutgoingMessage): void;
  /** A recipient can be reached again. */
  peerConnected(agentId: string): void;
  /** Something changed that may let refused messages pass, such as a newer bundle: everything that waits is tried now. */
  wakeAll(): void;
  /** Numbers of the messages without a receipt by recipient, in the order in which they were accepted. */
  waiting(): ReadonlyMap<string, readonly number[]>;
  /** The message of a number; undefined where it is settled. */
  record(seq: number): OutboxRecord | undefined;
  /** Records, in the caller's transaction, what became of a message whose receipt was no answer on a connection; of an unknown one nothing. */
  receipted(tx: Transaction, message: { readonly seq: number; readonly id: string }, got: LateReceipt): void;
  /** The messages that wait, oldest first, at most `limit`. */
  list(limit: number): OutboxItem[];
  /** `away` and `busy`: recipients that can't be reached, and that have no room, of those for whom something waits. */
  counts(): { queued: number; dead: number; away: number; busy: number };
  /** Dead letters, at most `limit`. */
  dead(limit: number): Promise<OutboxItem[]>;
  /**
   * Takes a message out that was not tried yet.
   * @returns false where it may have arrived already, so that only its recipient can say what becomes of it; with the record either way
   * @throws GaggleError NOT_FOUND, STATE_CONFLICT for a message that continues work: it has to arrive
   */
  withdraw(id: string): Promise<{ withdrawn: boolean; record: OutboxRecord }>;
  /** Sends a dead letter again, as a new envelope. @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED */
  retry(id: string): Promise<void>;
  /** Sends again whatever may be. @returns how many went, and how many stay dead since their work has ended or policy denies it */
  retryAll(): Promise<{ sent: number; kept: number }>;
}

/** The audit event of a message that goes, or that policy stops. It names a decision only where policy was asked. */
function sendAudit(
  actor: AuditDraft["actor"],
  sent: { id: string; to: Principal; type: string; traceId: string; ref?: string; decision?: PolicyDecision; policyHash: string },
): AuditDraft {
  const { decision } = sent;
  const denied = decision?.allowed === false;
  const policy = decision && { policy: denied ? "deny" : "allow", rules: decision.rules.join(",").slice(0, 500) };
  return {
    actor,
    action: "message.send",
    target: `envelope:${sent.id}`,
    result: denied ? "denied" : "ok",
    details: {
      type: sent.type,
      to: sent.to.agentId,
      toSubject: sent.to.subject,
      ...policy,
      policyHash: sent.policyHash,
      ...(sent.ref === undefined ? {} : { ref: sent.ref }),
    },
    traceId: sent.traceId,
  };
}

const isRetryable = (code: string): boolean => Object.hasOwn(ERROR_TABLE, code) && ERROR_TABLE[code as keyof typeof ERROR_TABLE].retryable;

/** Errors of the link after which another try can't help. */
const isFinal = (error: unknown): boolean => error instanceof GaggleError && (error.code === "REVOKED" || error.code === "TOO_LARGE");

/** Messages of which only the newest counts: one that could not be delivered is worth nothing. */
const LOSSY: ReadonlySet<string> = new Set(["task.progress", "session.report"]);

/** Makes the outbox. `window`: messages in flight to one recipient (default 16). */
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

  const chance = (): number => (deps.random.bytes(1)[0] ?? 0) / 256;

  /** Takes a message up. Only so many as may soon be in flight are kept in memory as a whole; the others are read again when their turn comes. */
  const add = (record: OutboxRecord, fresh: boolean): void => {
    const { agentId } = record.to;
    const stream = streams.get(agentId) ?? createSendStream(window);
    streams.set(agentId, stream);
    const entry = entryOf(record);
    if (fresh && stream.entries().size < 2 * window) entry.record = record;
    // What an earlier run of the daemon did with it is not known.
    if (!fresh) entry.maybeTried = true;
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

  const audit = (
    record: OutboxRecord,
    action: "message.deliver" | "message.dead" | "message.withdraw",
    details: Record<string, string | number>,
  ): AuditDraft => ({
    actor: config.actor,
    action,
    target: `envelope:${record.id}`,
    result: action === "message.dead" ? "failed" : "ok",
    details: { type: record.message.type, to: record.to.agentId, ...details, ...(record.ref === undefined ? {} : { ref: record.ref }) },
    traceId: traceIdOf(record.traceparent),
  });

  /** Records the end of a message; after a failed write the daemon stops, and the next start sends it again. */
  const commit = (transition: (tx: Transaction) => void): void => {
    deps.queue.run(transition, { finishing: true }).catch(deps.onError);
  };

  const deliverIn = (tx: Transaction, record: OutboxRecord, attempts: number): void => {
    tx.del(queuedKey(record.seq));
    tx.audit(audit(record, "message.deliver", { attempts }));
    deps.onDelivered(tx, record);
  };

  /** A receipt that came another way meanwhile was quicker. */
  const deliver = (record: OutboxRecord, attempts: number): void =>
    commit((tx) => (tx.get(queuedKey(record.seq)) === undefined ? undefined : deliverIn(tx, record, attempts)));

  const buryIn = (tx: Transaction, entry: OutboxEntry, code: string, reason: string): void => {
    const { attempts } = entry;
    const record = recordOf(tx, entry);
    const letter: DeadLetter = { record, code, reason, attempts, diedAt: tx.now };
    tx.del(queuedKey(record.seq));
    tx.audit(audit(record, "message.dead", { attempts, code }));
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

  const request = async (record: OutboxRecord): Promise<Receipt> => {
    const answer = await deps.link.request(record.to.agentId, await deps.seal(record));
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
      bury(entry, entry.lastError, "The recipient can't receive this message.");
    } else if (entry.lastError === "GUARD_REFUSED" || brokenInvariant(error) !== undefined) stream.held(entry, deps.clock.now(), chance());
    else stream.failed(entry, deps.clock.now(), chance());
  };

  const send = async (agentId: string, stream: SendStream, entry: OutboxEntry): Promise<void> => {
    entry.attempts++;
    try {
      const record = recordOf(deps.store, entry);
      const got = await request(record);
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

  const record = (tx: Transaction, outgoing: OutgoingMessage): OutboxRecord => {
    const seq = Number(tx.get(SEQ_KEY) ?? 0) + 1;
    const span = Buffer.from(deps.random.bytes(8)).toString("hex");
    return {
      v: 1,
      seq,
      id: newUuid(tx.now, deps.random),
      to: outgoing.to,
      priority: outgoing.priority,
      lane: outgoing.lane,
      createdAt: tx.now,
      exp: Math.min(tx.now + ENVELOPE_LIFETIME_MS, outgoing.expiresAt ?? Number.POSITIVE_INFINITY),
      policyHash: outgoing.decision?.policyHash ?? deps.policyHash(),
      traceparent: `00-${outgoing.traceId}-${span}-01`,
      ...(outgoing.ref === undefined ? {} : { ref: outgoing.ref }),
      ...(outgoing.sessionLane === undefined ? {} : { sessionLane: outgoing.sessionLane }),
      message: outgoing.message,
    };
  };

  const store = (tx: Transaction, made: OutboxRecord): void => {
    const text = jsonText(made);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_MESSAGE_BYTES) {
      throw new GaggleError("TOO_LARGE", "The message is too large to be sent; shorten its text or context.", {
        details: { bytes, maxBytes: MAX_MESSAGE_BYTES },
      });
    }
    try {
      assertInvariant(made.seq > lastSeq, "outbox.seq-grows", { seq: made.seq, lastSeq });
    } catch (error) {
      report(error);
      throw error;
    }
    tx.put(SEQ_KEY, String(made.seq));
    tx.put(queuedKey(made.seq), text);
    tx.afterCommit(() => {
      lastSeq = made.seq;
      add(made, true);
      pump(made.to.agentId);
    });
  };

  const toItem = (record: OutboxRecord, { attempts, lastError }: { attempts: number; lastError?: string }): OutboxItem => ({
    id: record.id,
    to: record.to.agentId,
    type: record.message.type,
    priority: record.priority,
    attempts,
    createdAt: new Date(record.createdAt).toISOString(),
    ...(lastError === undefined ? {} : { lastError }),
  });

  /** The next tries of all streams by recipient, as texts. */
  const nextTries = (): Map<string, { nextAttemptAt?: string }> => {
    const now = deps.clock.now();
    const next = (at: number | undefined) => (at === undefined ? {} : { nextAttemptAt: new Date(at).toISOString() });
    return new Map([...streams].map(([agentId, stream]) => [agentId, next(stream.nextAt(now))]));
  };

  /** All pairs of a range, page by page, so that a full outbox never lies in memory as a whole. */
  async function* pages(range: { gte: string; lt: string }): AsyncGenerator<string[]> {
    for (let gte = range.gte; ; ) {
      const rows = await deps.store.range({ gte, lt: range.lt, limit: PAGE });
      yield rows.map(([, text]) => text);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      gte = `${last[0]}\0`;
    }
  }

  const findEntry = (id: string): { agentId: string; stream: SendStream; entry: OutboxEntry } | undefined => {
    for (const [agentId, stream] of streams)
      for (const entry of stream.entries().values()) if (entry.id === id) return { agentId, stream, entry };
    return undefined;
  };

  const retry = async (id: string): Promise<void> => {
    const denied = await deps.queue.run((tx) => {
      const text = tx.get(deadKey(id));
      if (text === undefined) throw new GaggleError("NOT_FOUND", "There is no dead letter with this id; `gaggle dead` lists them.");
      const { record: dead } = JSON.parse(text) as DeadLetter;
      const decision = deps.onRetry(tx, dead);
      const again = { ...dead, id: newUuid(tx.now, deps.random), seq: Number(tx.get(SEQ_KEY) ?? 0) + 1, createdAt: tx.now };
      const fresh = { ...again, exp: tx.now + ENVELOPE_LIFETIME_MS, policyHash: decision?.policyHash ?? deps.policyHash() };
      const { to, policyHash, ref } = fresh;
      const sent = { id: fresh.id, to, policyHash, type: fresh.message.type, traceId: traceIdOf(fresh.traceparent) };
      tx.audit(
        sendAudit(config.actor, { ...sent, ...(ref === undefined ? {} : { ref }), ...(decision === undefined ? {} : { decision }) }),
      );
      if (decision?.allowed === false) return decision;
      tx.del(deadKey(id));
      tx.afterCommit(() => void deadCount--);
      store(tx, fresh);
      return undefined;
    });
    if (denied !== undefined) throw new GaggleError("POLICY_DENIED", `The signed policy does not allow this any more. ${denied.reason}`);
  };

  return {
    async start() {
      lastSeq = Number(deps.store.get(SEQ_KEY) ?? 0);
      for await (const page of pages(QUEUED_RANGE)) for (const text of page) add(JSON.parse(text) as OutboxRecord, false);
      for await (const page of pages(DEAD_RANGE)) deadCount += page.length;
      for (const agentId of streams.keys()) pump(agentId);
    },
    stop() {
      stopped = true;
      cancelSweep?.();
      for (const { cancel } of wakers.values()) cancel();
      wakers.clear();
    },
    enqueue(tx, outgoing) {
      const made = record(tx, outgoing);
      const { id, to, policyHash, ref } = made;
      store(tx, made);
      tx.audit(
        sendAudit(config.actor, { ...outgoing, id, to, policyHash, type: outgoing.message.type, ...(ref === undefined ? {} : { ref }) }),
      );
      return id;
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
    waiting: () => new Map([...streams].map(([agentId, stream]) => [agentId, [...stream.entries().keys()].toSorted((x, y) => x - y)])),
    record(seq) {
      const text = deps.store.get(queuedKey(seq));
      return text === undefined ? undefined : (JSON.parse(text) as OutboxRecord);
    },
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
    list(limit) {
      const waiting = [...streams.values()].flatMap((stream) => [...stream.entries().values()]).toSorted((a, b) => a.seq - b.seq);
      const next = nextTries();
      return waiting.slice(0, limit).flatMap((entry) => {
        // What is delivered already waits for nothing but the write that says so.
        const text = deps.store.get(queuedKey(entry.seq));
        if (text === undefined) return [];
        const waits = JSON.parse(text) as OutboxRecord;
        return { ...toItem(waits, entry), ...next.get(waits.to.agentId) };
      });
    },
    counts() {
      const all = [...streams.values()];
      const now = deps.clock.now();
      const conditions = all.map((stream) => stream.condition(now));
      return {
        queued: all.reduce((sum, stream) => sum + stream.entries().size, 0),
        dead: deadCount,
        away: conditions.filter((condition) => condition === "away").length,
        busy: conditions.filter((condition) => condition === "busy").length,
      };
    },
    async dead(limit) {
      const rows = await deps.store.range({ ...DEAD_RANGE, limit });
      return rows.map(([, text]) => {
        const { record: dead, attempts, code } = JSON.parse(text) as DeadLetter;
        return toItem(dead, { attempts, lastError: code });
      });
    },
    async withdraw(id) {
      const found = findEntry(id);
      if (found === undefined) throw new GaggleError("NOT_FOUND", "No such message waits; `gaggle outbox` lists them.");
      const { agentId, stream, entry } = found;
      if (!entry.isWork)
        throw new GaggleError("STATE_CONFLICT", "This message continues something that its recipient knows, so it has to arrive.");
      const waits = recordOf(deps.store, entry);
      if (entry.attempts > 0 || entry.maybeTried === true || !stream.remove(entry)) return { withdrawn: false, record: waits };
      await deps.queue.run(
        (tx) => {
          tx.del(queuedKey(entry.seq));
          tx.audit(audit(waits, "message.withdraw", {}));
          deps.onWithdrawn(tx, waits);
        },
        { finishing: true },
      );
      pump(agentId);
      return { withdrawn: true, record: waits };
    },
    retry,
    async retryAll() {
      const ids: string[] = [];
      for await (const page of pages(DEAD_RANGE)) ids.push(...page.map((text) => (JSON.parse(text) as DeadLetter).record.id));
      let sent = 0;
      for (const id of ids) {
        try {
          await retry(id);
          sent++;
        } catch (error) {
          const code = errorCode(error);
          if (code !== "STATE_CONFLICT" && code !== "POLICY_DENIED" && code !== "NOT_FOUND") throw error;
        }
      }
      return { sent, kept: ids.length - sent };
    },
  };
}
