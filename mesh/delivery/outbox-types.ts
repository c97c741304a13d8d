/** The outbox as its composers see it: what it needs and what it does. Source: docs/delivery.md. */
import type { OutboxItem } from "../contract/daemon-api.ts";
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
import type { Message } from "../contract/message.ts";
import type { Movable } from "./hand-over.ts";
import type { OutboxRecord } from "./outbox-record.ts";

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
  /** Recipients of these can't be reached, and they were surely not handed over: somebody else may be asked. Told again at each try; default: nobody. */
  onUnreached?(messages: readonly Movable[]): void;
  /** Whether a message is, or is about to be, somewhere from where its recipient can have it without a connection to this agent. */
  isElsewhere(source: Pick<Transaction, "get">, id: string): boolean;
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
  /**
   * Takes a message out, in the caller's transaction, if the disk says that it was never handed over and is nowhere else either.
   * @returns the message; undefined where its recipient may have it
   */
  takeBack(tx: Transaction, message: Pick<Movable, "id"> & Partial<Pick<Movable, "seq">>): Message | undefined;
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
