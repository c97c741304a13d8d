/** What the outbox keeps about a message until its receiver has it, and the keys under which it lies in the store. */
import type { Principal } from "../contract/identity.ts";
import type { Message, Priority } from "../contract/message.ts";
import type { PolicyContext } from "../contract/ports.ts";

/** A message that waits. It is signed only when it is sent, so never before it is on the disk, and always with the newest credential. */
export interface OutboxRecord {
  readonly v: 1;
  /** Counts this agent's messages: the order in which they were accepted. */
  readonly seq: number;
  /** Id of the envelope. */
  readonly id: string;
  readonly to: Principal;
  readonly priority: Priority;
  /** Messages of one lane arrive in order; lanes do not wait for each other. */
  readonly lane: string;
  /** Session whose messages to one recipient arrive in order, too. */
  readonly sessionLane?: string;
  readonly createdAt: number;
  readonly exp: number;
  readonly policyHash: string;
  readonly traceparent: string;
  /** Task or approval that it is about. */
  readonly ref?: string;
  /** Somebody else may be asked in its place as long as it was not handed over. */
  readonly movable?: true;
  /** Classes that policy obliges to mask before it leaves, also within the department. */
  readonly mask?: readonly string[];
  /** Under which circumstances policy let it go: it is asked with all of them again once it is known what is in the message. */
  readonly asked?: PolicyContext;
  readonly message: Message;
}

/** A message that could not be delivered, and why. */
export interface DeadLetter {
  readonly record: OutboxRecord;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly diedAt: number;
}

/** True for what asks for something new; everything else continues or ends what its recipient knows, and is never refused for want of room. */
export const isNewWork = (type: Message["type"]): boolean =>
  type === "task.request" || type === "approval.request" || type === "notification";

/** Trace id of a record. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);

/** Key of a waiting message. */
export const queuedKey = (seq: number): string => `outbox/queued/${seq.toString().padStart(16, "0")}`;
/** Range of all waiting messages. */
export const QUEUED_RANGE = { gte: "outbox/queued/", lt: "outbox/queued/~" } as const;
/** Key of a dead letter. */
export const deadKey = (id: string): string => `outbox/dead/${id}`;
/** Range of all dead letters. */
export const DEAD_RANGE = { gte: "outbox/dead/", lt: "outbox/dead/~" } as const;
/** Key of the last `seq` given. */
export const SEQ_KEY = "outbox/seq";
