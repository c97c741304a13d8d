/** Messaging as its composers see it: what it needs and what it does. */
import type { DaemonRequest, DaemonResult } from "../../contract/daemon-api.ts";
import type { MembershipClaims, Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import type { ApprovalStatement, EnvelopeClaims } from "../../contract/message.ts";
import type {
  Clock,
  CommitQueue,
  OrderedStore,
  OutgoingMessage,
  PeerLink,
  PolicyEngine,
  Random,
  Signer,
  Transaction,
} from "../../contract/ports.ts";
import type { OpenedEnvelope } from "../../delivery/envelope.ts";
import type { OutboxRecord } from "../../delivery/outbox-record.ts";
import type { Signatory } from "../../enforcement/approvers.ts";
import type { ApproverBook } from "../../session/approvals/approver-book.ts";
import type { ExpectedDecision } from "../../session/approval-record.ts";
import type { CallContext, RunnableSkill, Runner, RunOutcome, SessionDeps } from "../../session/ports.ts";
import type { MailDesk } from "../mail-desk.ts";
import type { ArtifactDesk } from "../open-artifacts.ts";

/** Methods of the daemon that messaging answers. */
export type MessagingMethod =
  | "task.send"
  | "task.cancel"
  | "task.answer"
  | "approval.request"
  | "approval.open"
  | "approval.decide"
  | "notify"
  | "status.fetch"
  | "inbox.list"
  | "inbox.read"
  | "inbox.accept"
  | "inbox.reject"
  | "inbox.complete"
  | "inbox.ask"
  | "inbox.progress"
  | `session.${"open" | "invite" | "join" | "leave" | "share" | "handoff" | "close" | "status" | "list"}`
  | "outbox.list"
  | "outbox.cancel"
  | "dead.list"
  | "dead.retry"
  | "dead.retryAll";

/** One function per method; `call` says who asks, for the audit. */
export type MessagingMethods = {
  readonly [M in MessagingMethod]: (params: DaemonRequest<M>, call: CallContext) => Promise<DaemonResult<M>>;
};

/** The guard between departments. */
export interface Boundary {
  /**
   * A message as it leaves.
   * @throws GaggleError GUARD_REFUSED where it could not be looked through, POLICY_DENIED with what is in it, PEER_UNREACHABLE where the receiver's key is not known yet
   */
  depart(
    record: Pick<OutboxRecord, "id" | "to" | "ref" | "message" | "traceparent" | "mask" | "asked">,
  ): Promise<Pick<EnvelopeClaims, "message" | "sealed">>;
  /** A message as it counts here. @throws GaggleError ENVELOPE_INVALID for a seal that is not for this agent and envelope */
  arrive(opened: OpenedEnvelope): Promise<OpenedEnvelope>;
  /** Classes that are in a value; left out, they are unknown. @throws GaggleError GUARD_REFUSED where it could not be looked through */
  classesOf?(value: Json): Promise<readonly string[]>;
  /** As `SessionDeps` has it. */
  assertLeaves?: NonNullable<SessionDeps["assertLeaves"]>;
}

/** What messaging needs. */
export interface MessagingDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly link: PeerLink;
  readonly policy: PolicyEngine;
  /** The agent's key. */
  readonly signer: Signer;
  readonly runner: Runner;
  /** Hash of the policy set in force. */
  policyHash(): string;
  /** This agent's newest membership credential. @throws GaggleError CREDENTIAL_EXPIRED; messages wait then */
  credential(): string;
  verifyCredential(jwt: string, agentId: string, nowMs: number): MembershipClaims;
  /** Changes whenever issuers or revocations do. */
  trustVersion(): string;
  verifyApproval(jws: string, expected: ExpectedDecision): ApprovalStatement;
  /** Who signed a decision, as policy is asked about them; undefined where the roster or the org chart does not have them. */
  approverOf(decision: string): Signatory | undefined;
  /** Finds the agent for a target. @throws GaggleError NO_ROUTE */
  resolve: SessionDeps["resolve"];
  /** The same with reasons; left out, nobody explains and one is asked. */
  readonly route?: SessionDeps["route"];
  /** Who can sign approvals; left out, one is asked and nobody else. */
  readonly book?: ApproverBook;
  skillOf(id: string): RunnableSkill | undefined;
  /** Masks what leaves for another department, and restores what came sealed; left out, messages go and come as they are. */
  readonly boundary?: Boundary;
  /** Files that hang on tasks; left out, they are named and never fetched. */
  readonly artifacts?: ArtifactDesk;
  /** Minor version of the wire that an agent knows; undefined where it told none since the start: then it is taken for as new as this one. */
  wireOf?(agentId: string): number | undefined;
  /** Whether the newest bundle or an admin's statement revokes somebody; left out, nobody is. */
  isRevoked?(who: Pick<Principal, "agentId" | "subject">): boolean;
  /** Whether a text holds a guard's token. */
  isMasked?(text: string): boolean;
  /** Counts frames that were refused before anything in them was believed. */
  countRefusal(source: string, code: string): void;
  /** For the log: what should not happen, and after which delivery goes on. */
  onError(error: unknown): void;
}

/** Messaging of one agent. */
export interface Messaging {
  /** Takes up what the disk holds; call once before anything else. */
  start(): Promise<void>;
  /** Ends sending and starts no more runs; what waits stays on the disk. */
  stop(): void;
  /** One frame from a proven member; resolves with the receipt's frame after the sync. */
  receiveFrame(frame: Uint8Array, principal: Principal): Promise<Uint8Array>;
  /** A member can be reached (again): what waits for it is sent now. */
  peerConnected(agentId: string): void;
  /** A newer bundle or credential is in force: what was refused for the old one may pass now. */
  trustChanged(): void;
  /** The runner's report; false where the attempt was fenced. */
  finishRun(taskId: string, attempt: number, outcome: RunOutcome): Promise<boolean>;
  /** What a run does now; a task that has ended meanwhile needs no word. */
  reportProgress(taskId: string, note: string): Promise<void>;
  /** Sends a message of the daemon's own, if `make` gives one; resolves when it is on the disk. */
  send(make: (tx: Transaction) => OutgoingMessage | undefined): Promise<void>;
  /** The disk was nearly full and has room again: what waits for room here goes on now. */
  roomAgain(): void;
  /** Runs at work, those that wait for a slot, and whether the inbox takes no more. */
  load(): { running: number; queued: number; full: boolean };
  /** For `daemon.status`. */
  counts(): Promise<{ waiting: number; queued: number; dead: number; busy: NonNullable<DaemonResult<"daemon.status">["busy"]> }>;
  /** What the mailbox works with. */
  readonly mail: MailDesk;
  readonly methods: MessagingMethods;
}
