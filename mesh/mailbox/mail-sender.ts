/**
 * The sending side of the mailbox: deposits what could not be delivered for a while, sealed to all devices of the person, and again when these
 * change. The outbox keeps every message until its receipt has come: a deposit is none. Sans-IO. Source: spec M5; docs/decisions/0087-mailbox.md
 */
import { errorCode, GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import type { MailContent } from "../contract/mailbox.ts";
import type { Message } from "../contract/message.ts";
import type { Clock, CommitQueue, OrderedStore, Random, Transaction } from "../contract/ports.ts";
import { type OutboxRecord, queuedKey } from "../delivery/outbox-record.ts";
import { deviceSet, dropMark, envelopeOf, type MailMark, MARK_RANGE, readMark, writeMark } from "./mail-mark.ts";
import type { MailSeal, PostOffice } from "./ports.ts";
import type { Device } from "./seal-key.ts";

/** First and longest wait after a deposit that was refused, ms. */
const RETRY_MIN_MS = 10_000;
const RETRY_MAX_MS = 600_000;
/** How long a round waits for one deposit, whose text may have to be looked through first, before it goes on with others. */
const PATIENCE_MS = 5_000;

/** Messages that begin something, or end it for whoever was asked: every device of the person gets a copy. Others belong to the device that has the task or approval. */
const COPIED: ReadonlySet<Message["type"]> = new Set(["task.request", "approval.request", "approval.end", "notification"]);
/** Messages that are of use only while both are there; an offer of a session can be taken back as long as nobody has it. */
const NEVER_MAILED: ReadonlySet<Message["type"]> = new Set(["task.progress", "task.read", "pseudonym.key", "session.offer"]);

/** Errors of the node that concern one deposit; after all others the round ends and the node is tried later. */
const ABOUT_ONE = new Set([
  "MAILBOX_FULL",
  "NOT_A_MEMBER",
  "REVOKED",
  "INVALID_INPUT",
  "TOO_LARGE",
  "GUARD_REFUSED",
  "POLICY_DENIED",
  "NOT_FOUND",
]);

/** What the sending side needs. */
export interface MailSenderDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly office: Pick<PostOffice, "deposit" | "withdrawMail">;
  readonly seal: MailSeal["seal"];
  /** Numbers of the messages without a receipt by recipient, in the order in which they were accepted. */
  waiting(): ReadonlyMap<string, readonly number[]>;
  /** The message of a number; undefined where it was settled meanwhile. */
  record(seq: number): OutboxRecord | undefined;
  /** Whether a recipient is connected: what waits for it then goes directly. */
  isConnected(agentId: string): boolean;
  /** The person's devices by the node's word and their own, sorted by agent id. */
  devicesOf(subject: string): Promise<readonly Device[]>;
  /** The record as an envelope for one device; `copy` for all but the first. */
  envelope(record: OutboxRecord, to: Device["principal"], copy: boolean): Promise<Uint8Array>;
  /** In the batch that records the deposit. */
  onDeposited(tx: Transaction, record: OutboxRecord, deposit: { depositId: string; devices: number; bytes: number }): void;
  /** Changes with revocations and the org chart: devices are then looked up again. */
  trustVersion(): string;
  onError(error: unknown): void;
}

/** How long to wait; ms. */
export interface MailSenderConfig {
  readonly depositAfterMs: number;
  readonly recheckMs: number;
}

/** What is known here of a message that waits. */
interface Known {
  /** When it is looked at again, ms since the epoch. */
  readonly until: number;
  /** Deposits that failed in a row. */
  readonly failures: number;
  /** What later messages of these lanes must not overtake; empty once the node has it. */
  readonly holds: readonly string[];
  readonly trust: string;
}

/** The device that a message is meant for stands first, others after it; only that one where the message is about what it alone knows. */
function recipientsOf({ to, message }: OutboxRecord, devices: readonly Device[]): readonly Device[] {
  const named = devices.filter(({ principal }) => principal.agentId === to.agentId);
  if (!COPIED.has(message.type)) return named;
  return [...named, ...devices.filter((device) => !named.includes(device))];
}

const lanesOf = ({ lane, sessionLane }: OutboxRecord): string[] => (sessionLane === undefined ? [lane] : [lane, `session ${sessionLane}`]);

/** Makes the sending side. */
export function createMailSender(deps: MailSenderDeps, config: MailSenderConfig) {
  const { clock, queue, store } = deps;
  const known = new Map<number, Known>();
  const underWay = new Map<number, readonly string[]>();

  const note = (record: OutboxRecord, waitMs: number, state: { failures?: number; deposited: boolean }): void => {
    const { failures = 0, deposited } = state;
    known.set(record.seq, { until: clock.now() + waitMs, failures, holds: deposited ? [] : lanesOf(record), trust: deps.trustVersion() });
  };

  const postpone = (record: OutboxRecord): void => {
    const failures = (known.get(record.seq)?.failures ?? 0) + 1;
    note(record, Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1)), { failures, deposited: false });
  };

  /** Envelopes for as many devices as fit; the one that it is meant for comes first. */
  const sealFor = async (record: OutboxRecord, recipients: readonly Device[]) => {
    const envelopes: MailContent["envelopes"] = [];
    for (const [i, { principal }] of recipients.entries()) {
      const frame = await deps.envelope(record, principal, i > 0);
      envelopes.push({ to: principal.agentId, jws: Buffer.from(frame).toString("latin1") });
    }
    for (let count = recipients.length; ; count--) {
      try {
        const taken = recipients.slice(0, count);
        const sealed = await deps.seal(
          envelopes.slice(0, count),
          taken.map(({ seal }) => seal),
        );
        return { to: taken.map(({ principal }) => principal.agentId), sealed };
      } catch (error) {
        if (count <= 1 || errorCode(error) !== "TOO_LARGE") throw error;
      }
    }
  };

  /** The mark under which the message is deposited; on the disk before the node is asked, so that a crash asks again under the same id. */
  const begin = async ({ id, seq }: OutboxRecord, devices: string): Promise<MailMark> => {
    const before = readMark(store, id);
    if (before?.devices === devices) return before;
    const mark: MailMark = { v: 1, seq, depositId: newUuid(clock.now(), deps.random), devices };
    await queue.run(
      (tx) => {
        // It may have been taken back, or given to somebody else, while the recipient's devices were looked up.
        if (tx.get(queuedKey(seq)) === undefined) throw new GaggleError("NOT_FOUND", "The message was taken back before it was deposited.");
        writeMark(tx, id, mark);
      },
      { finishing: true },
    );
    if (before !== undefined) await deps.office.withdrawMail({ ids: [before.depositId] });
    return mark;
  };

  const deposit = async (record: OutboxRecord, devices: readonly Device[]): Promise<void> => {
    const recipients = recipientsOf(record, devices);
    if (recipients.length === 0)
      throw new GaggleError("NOT_FOUND", "No device of the recipient takes mail; the message waits until one is there.");
    const mark = await begin(record, deviceSet(recipients));
    if (mark.depositedAt !== undefined) return;
    const { to, sealed } = await sealFor(record, recipients);
    await deps.office.deposit({ id: mark.depositId, to, sealed });
    await queue.run(
      (tx) => {
        // A receipt that was quicker has settled it.
        if (deps.record(record.seq) === undefined) return;
        writeMark(tx, record.id, { ...mark, depositedAt: tx.now });
        deps.onDeposited(tx, record, { depositId: mark.depositId, devices: to.length, bytes: sealed.ciphertext.length });
      },
      { finishing: true },
    );
  };

  /** Looks each person up once a round. */
  const createLookUp = (): ((subject: string) => Promise<readonly Device[]>) => {
    const found = new Map<string, readonly Device[]>();
    return async (subject) => {
      const devices = found.get(subject) ?? (await deps.devicesOf(subject));
      found.set(subject, devices);
      return devices;
    };
  };

  /** False where it was not deposited, now or not yet. */
  const tryDeposit = async (record: OutboxRecord, lookUp: ReturnType<typeof createLookUp>): Promise<boolean> => {
    underWay.set(record.seq, lanesOf(record));
    try {
      await deposit(record, await lookUp(record.to.subject));
      note(record, config.recheckMs, { deposited: true });
      return true;
    } catch (error) {
      if (!ABOUT_ONE.has(errorCode(error))) throw error;
      postpone(record);
      deps.onError(error);
      return false;
    } finally {
      underWay.delete(record.seq);
    }
  };

  /** Waits for a deposit, but not so long that it would hold up all others; it goes on then by itself. */
  const tryFor = async (work: Promise<boolean>): Promise<boolean> => {
    const { promise: patience, resolve } = Promise.withResolvers<boolean>();
    const cancel = clock.after(PATIENCE_MS, () => resolve(false));
    try {
      return await Promise.race([work, patience]);
    } finally {
      cancel();
      work.catch(() => undefined);
    }
  };

  /** The message where it is to be deposited now; else the lanes that it holds back. */
  const look = (seq: number): OutboxRecord | readonly string[] => {
    const now = clock.now();
    const busy = underWay.get(seq);
    if (busy !== undefined) return busy;
    const seen = known.get(seq);
    if (seen !== undefined && seen.until > now && seen.trust === deps.trustVersion()) return seen.holds;
    const record = deps.record(seq);
    if (record === undefined || NEVER_MAILED.has(record.message.type) || record.exp <= now) return [];
    const waitMs = record.createdAt + config.depositAfterMs - now;
    // After a clock that was set back it could be years.
    if (waitMs <= 0 || waitMs > config.depositAfterMs) return record;
    note(record, waitMs, { deposited: false });
    return lanesOf(record);
  };

  const roundFor = async (seqs: readonly number[], lookUp: ReturnType<typeof createLookUp>): Promise<void> => {
    const held = new Set<string>();
    const hold = (lanes: readonly string[]): void => lanes.forEach((lane) => void held.add(lane));
    for (const seq of seqs) {
      const found = look(seq);
      if (!("message" in found)) hold(found);
      else if (lanesOf(found).some((lane) => held.has(lane)) || !(await tryFor(tryDeposit(found, lookUp)))) hold(lanesOf(found));
    }
  };

  return {
    /**
     * Deposits what is due. What the node refuses waits longer, and holds back only what must not overtake it.
     * @throws GaggleError where the node can't be reached; the rest is due again
     */
    async round(): Promise<void> {
      const waiting = deps.waiting();
      const seqs = new Set([...waiting.values()].flat());
      for (const seq of known.keys()) if (!seqs.has(seq)) known.delete(seq);
      const lookUp = createLookUp();
      for (const [agentId, theirs] of waiting) if (!deps.isConnected(agentId)) await roundFor(theirs, lookUp);
    },

    /** Forgets marks of messages that were settled while no daemon ran. Call once at the start. */
    async start(): Promise<void> {
      const rows = await store.range(MARK_RANGE);
      const stale = rows
        .filter(([, text]) => deps.record((JSON.parse(text) as MailMark).seq) === undefined)
        .map(([key]) => envelopeOf(key));
      if (stale.length === 0) return;
      await queue.run(
        (tx) => {
          for (const id of stale) dropMark(tx, id);
        },
        { finishing: true },
      );
    },
  };
}
