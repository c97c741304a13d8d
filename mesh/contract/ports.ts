/** Ports: what the pure cores need from the world. Simulations and tests bring their own. Source: design, Durability. */
import type { AuditDraft } from "./audit.ts";
import type { PolicyAction } from "./bundle.ts";
import type { Ed25519Jwk, Principal } from "./identity.ts";
import type { Message, Priority } from "./message.ts";

/** Time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `fn` once after `ms`; returns a function that cancels it. Never keeps the process alive. */
  after(ms: number, fn: () => void): () => void;
}

/** Randomness. */
export interface Random {
  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/** One change of a store. */
export type StoreOp =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "del"; readonly key: string };

/** Keys `gte ≤ key < lt` in UTF-8 byte order, at most `limit`, backwards where `reverse`. */
export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** An ordered key-value store with atomic batches. A crash may lose batches that were not synced, only ever a suffix. */
export interface OrderedStore {
  /** The value, or undefined. Synchronous, so that a transition reads one state. */
  get(key: string): string | undefined;
  /** All pairs of a range, in order. */
  range(range: KeyRange): Promise<[key: string, value: string][]>;
  /** Applies all changes or none; with `sync`, resolves after they are on the disk. */
  batch(ops: readonly StoreOp[], options: { sync: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** A blob that is being put together; only whole chunks are appended, in order. */
export interface PartialBlob {
  /** Bytes that are there. */
  readonly bytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  append(chunk: Uint8Array): Promise<void>;
  /** Cuts it down to its first bytes. */
  truncate(bytes: number): Promise<void>;
  /** Makes it a whole blob, durably; the caller has checked every byte. `chunks`: its list of chunk hashes. */
  finish(chunks: Uint8Array): Promise<void>;
  /** Leaves it as it is, to be continued. */
  close(): Promise<void>;
}

/** Content by its SHA-256, larger than memory. A crash may lose what was appended last, and never what is finished. */
export interface BlobStore {
  /** Bytes of a whole blob; undefined where it is not there. */
  size(sha256: string): Promise<number | undefined>;
  /** Part of a whole blob; fewer bytes at its end. @throws GaggleError NOT_FOUND */
  read(sha256: string, offset: number, length: number): Promise<Uint8Array>;
  /** The list of a whole blob's chunk hashes. @throws GaggleError NOT_FOUND */
  chunks(sha256: string): Promise<Uint8Array>;
  /** A blob to be put together, with what is there of it already. */
  partial(sha256: string): Promise<PartialBlob>;
  /** Deletes a blob, whole or partial. */
  remove(sha256: string): Promise<void>;
  /** Everything that is there. `changedAt`: ms since the epoch. */
  list(): Promise<{ readonly sha256: string; readonly bytes: number; readonly whole: boolean; readonly changedAt: number }[]>;
}

/** What a transition sees: reads its own writes; everything it writes and says is one synced batch. */
export interface Transaction {
  readonly now: number;
  get(key: string): string | undefined;
  put(key: string, value: string): void;
  del(key: string): void;
  /** Adds an event to this agent's audit chain in the same batch. */
  audit(draft: AuditDraft): void;
  /** Runs `effect` after the batch is on the disk; never where the batch failed. */
  afterCommit(effect: () => void): void;
}

/** How a transition is run. */
export interface CommitOptions {
  /** It ends or records work that was taken before, so it passes although free space is below the floor. Default false. */
  readonly finishing?: boolean;
}

/** Runs transitions one after another; each is durable before its promise resolves. Several waiting ones share one sync. */
export interface CommitQueue {
  /**
   * Runs a transition. What it throws rejects the promise and leaves nothing behind; it must not be asynchronous.
   * @throws GaggleError STORE_FAILED when the write failed, DISK_FULL when free space is below the floor and it is not `finishing`
   */
  run<T>(transition: (tx: Transaction) => T, options?: CommitOptions): Promise<T>;
}

/** An Ed25519 key that signs; synchronous, so that one seed is one history. */
export interface Signer {
  readonly publicJwk: Ed25519Jwk;
  /** RFC 7638 thumbprint of the key. */
  readonly thumbprint: string;
  sign(data: Uint8Array): Uint8Array;
}

/** A question to the policy engine. */
export interface PolicyQuestion {
  readonly action: PolicyAction;
  readonly principal: Principal;
  /** Role of the agent acted upon, where there is one. */
  readonly targetRole?: string;
  /** Who is acted upon, as far as it is known; its `role` is then {@link targetRole}. */
  readonly target?: Partial<Principal>;
  /** Skill id, tool as `extension__tool`, model, class of a shard, or route of the API, where there is one. */
  readonly resource?: string;
  readonly context?: PolicyContext;
}

/** What is known about the circumstances of an action. What is left out is unknown, and a condition on it is then not met. */
export interface PolicyContext {
  /** Classes of personal data and secrets in what is sent, shown or decided on: before masking. */
  readonly dataClasses?: readonly string[];
  /** No person has started this, nor looks on. */
  readonly unattended?: boolean;
  /** Subjects who have taken part so far: whoever asked, and whoever approved. Devices of one person are one. */
  readonly participants?: readonly string[];
  /** For a model call: whether the server stands in the company's own hands. */
  readonly local?: boolean;
  /** SHA-256 of the recipe that is to be run. */
  readonly recipeHash?: string;
}

/** What an allowed action carries with it; whoever acts on the decision keeps it, and one that is not understood is a deny. */
export type Obligation =
  /** These classes are masked before it leaves, whatever the profile passes. */
  | { readonly kind: "mask"; readonly classes: readonly string[] }
  /**
   * It waits for signed approvals by people of this role: by `quorum` of them (default 1), within `withinMs` of being asked. `escalates`: by whom they
   * report to as well.
   */
  | {
      readonly kind: "approval";
      readonly role: string;
      readonly quorum?: number;
      readonly withinMs?: number;
      readonly escalates?: true;
    }
  /** Another person than the one who asks has to take part. */
  | { readonly kind: "second-person" }
  /** At most so often a minute by one principal. */
  | { readonly kind: "rate"; readonly perMinute: number }
  /** How much the audit event says. */
  | { readonly kind: "log"; readonly level: "metadata" | "full" };

/** An answer of the policy engine, with its reasons in plain words. */
export interface PolicyDecision {
  readonly allowed: boolean;
  /** Ids of the rules that decided; empty for the default deny. */
  readonly rules: readonly string[];
  readonly reason: string;
  /** SHA-256 of the policy set that answered. */
  readonly policyHash: string;
  /** What goes with a yes; none where left out. */
  readonly obligations?: readonly Obligation[];
  /** Risk of the action, 0 (none) to 100, from the annotations of the policies that apply and from the circumstances. */
  readonly risk?: number;
  /** Only its rate stands against it: it may be asked again after so many milliseconds. */
  readonly retryAfterMs?: number;
}

/** What the asker does with the answer. */
export interface PolicyAsking {
  /** Obligations that the asker itself keeps when it acts; a decision that carries one of these which it does not keep is a deny. */
  readonly keeps?: readonly ("mask" | "approval")[];
  /** False where nothing is done on the answer, as in choosing among candidates: it then counts in no rate. Default true. */
  readonly counts?: boolean;
}

/** Decides on actions from the signed bundle. Any failure is a deny. */
export interface PolicyEngine {
  decide(question: PolicyQuestion, asking?: PolicyAsking): PolicyDecision;
}

/** A way to hand one frame to a proven member and get its answer. */
export interface PeerLink {
  /**
   * Sends a frame to the agent and resolves with the receiver's answer frame.
   * @param handOver called when there is a connection, right before the frame leaves; what it returns is waited for, and where it throws nothing is
   *   sent. A request that fails without this call was surely never sent.
   * @throws GaggleError PEER_UNREACHABLE, TIMEOUT, NOT_A_MEMBER, REVOKED, or what `handOver` throws
   */
  request(agentId: string, frame: Uint8Array, handOver?: () => Promise<void> | undefined): Promise<Uint8Array>;
}

/** A message that a session hands to delivery. Messages of one lane arrive in order. */
export interface OutgoingMessage {
  readonly to: Principal;
  readonly message: Message;
  readonly priority: Priority;
  readonly lane: string;
  /** Session whose messages to one recipient also arrive in order; see docs/delivery.md. */
  readonly sessionLane?: string;
  /** Somebody else may be asked in its place as long as it was not handed over. */
  readonly movable?: true;
  /** When it is no longer worth delivering, milliseconds since the epoch; the envelope's longest life where left out or later. */
  readonly expiresAt?: number;
  readonly traceId: string;
  /** Task or approval that it is about. */
  readonly ref?: string;
  /** The sender's policy decision, where the message needs one, and what was asked. */
  readonly decision?: PolicyDecision;
  readonly question?: PolicyQuestion;
}
