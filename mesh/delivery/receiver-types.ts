/** What receiving needs, and what it gives. Source: design, Trust, Envelope. */
import type { ArtifactRef } from "../contract/artifact.ts";
import type { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { EnvelopeClaims, Message, Receipt } from "../contract/message.ts";
import type { Clock, CommitQueue, OrderedStore, Transaction } from "../contract/ports.ts";
import type { Approver } from "../enforcement/approvers.ts";
import type { EnvelopeDeps, OpenedEnvelope } from "./envelope.ts";
import type { ReceivingPolicyDeps } from "./receiving-policy.ts";

/** A message that passed every check. */
export interface Incoming {
  readonly from: Principal;
  readonly traceId: string;
  readonly envelopeId: string;
  readonly priority: EnvelopeClaims["priority"];
  readonly message: Message;
  /** Size of its content as canonical JSON has it, roughly. */
  readonly bytes: number;
  /** A copy for another device of the person than the one it was sent to. */
  readonly copy?: true;
  /** Classes that this agent's guard found in it; there where it looked. */
  readonly dataClasses?: readonly string[];
  /** What its sender sealed of the files that it names. */
  readonly fileValues?: NonNullable<EnvelopeClaims["fileValues"]>;
  /** Its files as they were approved, before they were masked. */
  readonly approvedFiles?: readonly ArtifactRef[];
  /** Who signed that exactly this may be done. */
  readonly approvers?: readonly Approver[];
}

/**
 * The effect of a message, in the batch of its receipt. What it throws refuses the message and leaves nothing of it behind;
 * what it returns refuses it too, but keeps what was written, such as an audit event.
 */
export type MessageHandler = (tx: Transaction, incoming: Incoming) => GaggleError | undefined;

/** What receiving needs. */
export interface ReceiverDeps extends EnvelopeDeps, ReceivingPolicyDeps {
  readonly clock: Clock;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly handle: MessageHandler;
  /**
   * Restores what the sender sealed to this agent, where policy lets it; left out, messages stay as they come.
   * @throws GaggleError ENVELOPE_INVALID for a seal that is not for this agent and envelope
   */
  arrive?(opened: OpenedEnvelope): Promise<OpenedEnvelope>;
  /** @throws GaggleError BUSY where there is no room for new work from this sender */
  assertRoom?(from: string, bytes: number): void;
  /** How long the one who hands frames over has to wait before the next one is looked at; 0 where it need not. */
  waitOf?(via: string): number;
  /** Counts messages that were not even signed by a member, and those that may come again and be taken. */
  countRefusal(source: string, code: string): void;
  onError(error: unknown): void;
}

/** Receives frames for one agent. */
export interface Receiver {
  /**
   * Handles one frame and resolves with the receipt's frame, after the sync.
   * @param via agent id of the peer that handed it over
   * @throws GaggleError ENVELOPE_INVALID or TOO_LARGE for what is no envelope at all, STORE_FAILED
   */
  receive(frame: Uint8Array, via: string): Promise<Uint8Array>;
  /**
   * Handles an envelope that came from the mailbox, as one that came directly; its sender had to be a member when the node took it.
   * @param deposit who deposited it, and when (ms since the epoch), by the node's stamp
   * @throws GaggleError for an envelope that is not believed, STORE_FAILED
   */
  receiveDeposit(
    frame: Uint8Array,
    deposit: { readonly from: string; readonly at: number },
  ): Promise<{ from: Principal; claims: EnvelopeClaims; receipt: Receipt }>;
  /** Messages answered `busy` since the start. */
  busyAnswers(): number;
  /** Removes replay records whose envelopes can't be accepted any more. */
  prune(): Promise<void>;
  start(): void;
  stop(): void;
}
