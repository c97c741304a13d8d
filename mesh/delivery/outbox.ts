/**
 * The outbox: at-least-once delivery. A message is on the disk before it is signed and sent; it leaves the disk in the same batch in which its
 * receipt is recorded. Retries with backoff and jitter; dead letters keep the reason. Sans-IO. Source: design, Durability; spec M4.
 */
import type { AuditDraft } from "../contract/audit.ts";
import type { OutboxItem } from "../contract/daemon-api.ts";
import { ERROR_TABLE, errorCode, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { newUuid } from "../contract/ids.ts";
import { canonicalJson } from "../contract/json.ts";
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
import { createSendStream, type OutboxEntry, type SendStream } from "./send-stream.ts";

/** Largest message in bytes of its canonical JSON: with claims, credential and base64url it still fits a frame. */
export const MAX_MESSAGE_BYTES = 768_000;
/** Messages in flight to one recipient. */
const DEFAULT_WINDOW = 16;

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
  /** Told about what should not happen; the message stays queued. */
  onError(error: unknown): void;
}

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
  list(): OutboxItem[];
  counts(): { queued: number };
  dead(): Promise<OutboxItem[]>;
  /** Sends a dead letter again, as a new envelope. @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED */
  retry(id: string): Promise<void>;
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

/** Makes the outbox. `window`: messages in flight to one recipient (default 16). */
export function createOutbox(deps: OutboxDeps, config: { actor: AuditDraft["actor"]; window?: number }): Outbox {
  const streams = new Map<string, SendStream>();
  const wakers = new Map<string, () => void>();
  let stopped = false;

  const chance = (): number => (deps.random.bytes(1)[0] ?? 0) / 256;

  const add = (record: OutboxRecord): void => {
    const { agentId } = record.to;
    const stream = streams.get(agentId) ?? createSendStream(config.window ?? DEFAULT_WINDOW);
    streams.set(agentId, stream);
    stream.add({ record, attempts: 0 });
  };

  const audit = (
    record: OutboxRecord,
    action: "message.deliver" | "message.dead",
    details: Record<string, string | number>,
  ): AuditDraft => ({
    actor: config.actor,
    action,
    target: `envelope:${record.id}`,
    result: action === "message.deliver" ? "ok" : "failed",
    details: { type: record.message.type, to: record.to.agentId, ...details, ...(record.ref === undefined ? {} : { ref: record.ref }) },
    traceId: traceIdOf(record.traceparent),
  });

  /** Records the end of a message; after a failed write the daemon stops, and the next start sends it again. */
  const commit = (transition: (tx: Transaction) => void): void => {
    deps.queue.run(transition, { finishing: true }).catch(deps.onError);
  };

  const deliver = ({ record, attempts }: OutboxEntry): void =>
    commit((tx) => {
      tx.del(queuedKey(record.seq));
      tx.audit(audit(record, "message.deliver", { attempts }));
      deps.onDelivered(tx, record);
    });

  const bury = ({ record, attempts }: OutboxEntry, code: string, reason: string): void =>
    commit((tx) => {
      const letter: DeadLetter = { record, code, reason, attempts, diedAt: tx.now };
      tx.del(queuedKey(record.seq));
      tx.put(deadKey(record.id), canonicalJson(letter));
      tx.audit(audit(record, "message.dead", { attempts, code }));
      deps.onDead(tx, record, { code, reason });
    });

  const wakeLater = (agentId: string, stream: SendStream): void => {
    wakers.get(agentId)?.();
    wakers.set(
      agentId,
      deps.clock.after(Math.max(1, stream.blockedUntil() - deps.clock.now()), () => pump(agentId)),
    );
  };

  const request = async (entry: OutboxEntry): Promise<Receipt> => {
    const answer = await deps.link.request(entry.record.to.agentId, await deps.seal(entry.record));
    const parsed = receipt.parse(JSON.parse(Buffer.from(answer).toString("utf8")));
    if (parsed.id !== entry.record.id) throw new GaggleError("INTERNAL", "The receipt is for another message.");
    return parsed;
  };

  const settle = (stream: SendStream, entry: OutboxEntry, got: Receipt): void => {
    if (got.status === "busy" || (got.status === "refused" && isRetryable(got.code))) {
      entry.lastError = got.status === "busy" ? "BUSY" : got.code;
      stream.failed(entry, deps.clock.now(), chance(), got.status === "busy" ? got.retryAfterMs : 0);
      return;
    }
    stream.settled(entry, true);
    if (got.status === "refused") bury(entry, got.code, got.reason);
    else deliver(entry);
  };

  const send = async (agentId: string, stream: SendStream, entry: OutboxEntry): Promise<void> => {
    entry.attempts++;
    try {
      const got = await request(entry);
      if (stopped) return;
      settle(stream, entry, got);
    } catch (error) {
      if (stopped) return;
      entry.lastError = errorCode(error);
      if (isFinal(error)) {
        stream.settled(entry, false);
        bury(entry, entry.lastError, "The recipient can't receive this message.");
      } else stream.failed(entry, deps.clock.now(), chance());
    }
    pump(agentId);
  };

  const pump = (agentId: string): void => {
    const stream = streams.get(agentId);
    if (stream === undefined || stopped) return;
    const now = deps.clock.now();
    for (let entry = stream.take(now); entry !== undefined; entry = stream.take(now)) {
      if (entry.record.exp <= now) {
        stream.settled(entry, false);
        bury(entry, "ENVELOPE_EXPIRED", `It could not be delivered before it expired. Last error: ${entry.lastError ?? "none"}.`);
      } else void send(agentId, stream, entry);
    }
    if (stream.isEmpty()) streams.delete(agentId);
    else if (stream.blockedUntil() > now) wakeLater(agentId, stream);
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
      exp: tx.now + ENVELOPE_LIFETIME_MS,
      policyHash: outgoing.decision?.policyHash ?? deps.policyHash(),
      traceparent: `00-${outgoing.traceId}-${span}-01`,
      ...(outgoing.ref === undefined ? {} : { ref: outgoing.ref }),
      message: outgoing.message,
    };
  };

  const store = (tx: Transaction, made: OutboxRecord): void => {
    const text = canonicalJson(made);
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) {
      throw new GaggleError("TOO_LARGE", "The message is too large to be sent; shorten its text or context.", {
        details: { bytes: Buffer.byteLength(text), maxBytes: MAX_MESSAGE_BYTES },
      });
    }
    tx.put(SEQ_KEY, String(made.seq));
    tx.put(queuedKey(made.seq), text);
    tx.afterCommit(() => {
      add(made);
      pump(made.to.agentId);
    });
  };

  const toItem = ({ record, attempts, lastError }: OutboxEntry): OutboxItem => ({
    id: record.id,
    to: record.to.agentId,
    type: record.message.type,
    priority: record.priority,
    attempts,
    createdAt: new Date(record.createdAt).toISOString(),
    ...(lastError === undefined ? {} : { lastError }),
  });

  const listStream = (stream: SendStream): OutboxItem[] => {
    const at = stream.blockedUntil();
    const next = at > deps.clock.now() ? { nextAttemptAt: new Date(at).toISOString() } : {};
    return stream.entries().map((entry) => ({ ...toItem(entry), ...next }));
  };

  return {
    async start() {
      for (const [, text] of await deps.store.range(QUEUED_RANGE)) add(JSON.parse(text) as OutboxRecord);
      for (const agentId of streams.keys()) pump(agentId);
    },
    stop() {
      stopped = true;
      for (const cancel of wakers.values()) cancel();
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
    list: () => [...streams.values()].flatMap(listStream),
    counts: () => ({ queued: [...streams.values()].reduce((sum, stream) => sum + stream.entries().length, 0) }),
    async dead() {
      const rows = await deps.store.range(DEAD_RANGE);
      return rows.map(([, text]) => {
        const { record: dead, attempts, code } = JSON.parse(text) as DeadLetter;
        return toItem({ record: dead, attempts, lastError: code });
      });
    },
    async retry(id) {
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
        store(tx, fresh);
        return undefined;
      });
      if (denied !== undefined) throw new GaggleError("POLICY_DENIED", `The signed policy does not allow this any more. ${denied.reason}`);
    },
  };
}
