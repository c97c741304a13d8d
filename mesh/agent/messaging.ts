/** Puts delivery and sessions together: the functions behind the daemon's messaging methods, and what the peer node calls with a frame. */
import type { AuditDraft } from "../contract/audit.ts";
import type { DaemonRequest, DaemonResult, Target } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { MembershipClaims, Principal } from "../contract/identity.ts";
import type { ApprovalStatement, EnvelopeClaims, Message } from "../contract/message.ts";
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
} from "../contract/ports.ts";
import { type OpenedEnvelope, sealEnvelope } from "../delivery/envelope.ts";
import { createOutbox } from "../delivery/outbox.ts";
import type { OutboxRecord } from "../delivery/outbox-record.ts";
import { createReceiver, type Incoming } from "../delivery/receive.ts";
import { createApprovals, type ExpectedDecision, viewApproval } from "../session/approvals.ts";
import { createAsker } from "../session/asker.ts";
import { createChanges } from "../session/changes.ts";
import { createNotifications } from "../session/notifications.ts";
import type { CallContext, RunnableSkill, Runner, RunOutcome } from "../session/ports.ts";
import { createRunQueue } from "../session/run-queue.ts";
import { createStatus } from "../session/status.ts";
import { viewTask } from "../session/task-record.ts";
import { createWorker } from "../session/worker.ts";

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
  | "outbox.list"
  | "dead.list"
  | "dead.retry";

/** One function per method; `call` says who asks, for the audit. */
export type MessagingMethods = {
  readonly [M in MessagingMethod]: (params: DaemonRequest<M>, call: CallContext) => Promise<DaemonResult<M>>;
};

/** The guard between departments. */
export interface Boundary {
  /**
   * A message as it leaves.
   * @throws GaggleError GUARD_REFUSED where it could not be looked through, PEER_UNREACHABLE where the receiver's key is not known yet
   */
  depart(record: Pick<OutboxRecord, "id" | "to" | "ref" | "message" | "traceparent">): Promise<Pick<EnvelopeClaims, "message" | "sealed">>;
  /** A message as it counts here. @throws GaggleError ENVELOPE_INVALID for a seal that is not for this agent and envelope */
  arrive(opened: OpenedEnvelope): Promise<OpenedEnvelope>;
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
  /** Finds the agent for a target. @throws GaggleError NO_ROUTE */
  resolve(target: Target): Principal;
  skillOf(id: string): RunnableSkill | undefined;
  /** Masks what leaves for another department, and restores what came sealed; left out, messages go and come as they are. */
  readonly boundary?: Boundary;
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
  /** The runner's report; false where the attempt was fenced. */
  finishRun(taskId: string, attempt: number, outcome: RunOutcome): Promise<boolean>;
  /** Sends a message of the daemon's own, if `make` gives one; resolves when it is on the disk. */
  send(make: (tx: Transaction) => OutgoingMessage | undefined): Promise<void>;
  /** For `daemon.status`. */
  counts(): Promise<{ waiting: number; queued: number; dead: number }>;
  readonly methods: MessagingMethods;
}

/**
 * Makes messaging.
 * @param config `concurrency`: most unattended runs at a time; `window`: messages in flight to one recipient (default 16)
 */
export function createMessaging(
  deps: MessagingDeps,
  config: { self: Principal; org: string; concurrency: number; window?: number },
): Messaging {
  const { self, org } = config;
  const actor: AuditDraft["actor"] = { type: "agent", id: self.agentId, role: self.role };
  const changes = createChanges(deps.clock);

  const seal = async (record: OutboxRecord): Promise<Uint8Array> => {
    const { id, createdAt: ts, exp, to, priority, policyHash, traceparent } = record;
    const content = (await deps.boundary?.depart(record)) ?? { message: record.message };
    const claims = { v: 1 as const, id, ts, exp, org, from: self.agentId, to: to.agentId, priority, policyHash, traceparent, ...content };
    return sealEnvelope({ ...claims, credential: deps.credential() }, deps.signer);
  };

  const outbox = createOutbox(
    {
      clock: deps.clock,
      random: deps.random,
      store: deps.store,
      queue: deps.queue,
      link: deps.link,
      seal,
      policyHash: deps.policyHash,
      onError: deps.onError,
      onDelivered(tx, { message, ref }) {
        if (message.type === "task.request") asker.onDelivered(tx, message.taskId);
        else if (message.type === "approval.request") approvals.onDelivered(tx, message.approvalId);
        else if (message.type === "notification" && ref !== undefined) notifications.onDelivered(tx, ref);
      },
      onDead(tx, { message }, failure) {
        if (message.type === "task.request" || message.type === "task.answer" || message.type === "task.cancel")
          asker.onDead(tx, message, failure);
        else if (message.type === "approval.request") approvals.onDead(tx, message.approvalId, failure);
      },
      onRetry(tx, { message, to }) {
        if (message.type === "task.request") return asker.onRetry(tx, message.taskId);
        if (message.type === "approval.request") return approvals.onRetry(tx, message.approvalId);
        if (message.type === "notification") return policy.decide({ action: "notify.send", principal: self, targetRole: to.role });
        return undefined;
      },
    },
    { actor, ...(config.window === undefined ? {} : { window: config.window }) },
  );

  const { clock, random, store, queue, policy, resolve } = deps;
  const session = { clock, random, store, queue, policy, resolve, self, sender: outbox, changes };
  const asker = createAsker(session);
  const approvals = createApprovals({ ...session, verifyApproval: deps.verifyApproval });
  const notifications = createNotifications(session);
  const worker = createWorker({
    ...session,
    skillOf: deps.skillOf,
    onRunnable: (taskId) => runs.offer(taskId),
    onUnwanted: (taskId, attempt) => deps.runner.stop(taskId, attempt),
  });
  const runs = createRunQueue({ clock, store, runner: deps.runner, worker, onError: deps.onError }, { concurrency: config.concurrency });
  const status = createStatus({ store, changes, onRead: notifications.read });

  const handle = (tx: Transaction, incoming: Incoming): GaggleError | undefined => {
    const message: Message = incoming.message;
    switch (message.type) {
      case "task.request":
        return worker.onRequest(tx, incoming, message);
      case "task.update":
        return asker.onUpdate(tx, incoming, message);
      case "task.answer":
        return worker.onAnswer(tx, incoming, message);
      case "task.cancel":
        return worker.onCancel(tx, incoming, message);
      case "approval.request":
        return approvals.onRequest(tx, incoming, message);
      case "approval.decision":
        return approvals.onDecision(tx, incoming, message);
      case "notification":
        return notifications.onNotification(tx, incoming, message);
      case "pseudonym.key": {
        // The key itself was stored before, with the checks of who sent it; a daemon that can't do that takes none.
        if (deps.boundary === undefined) return new GaggleError("POLICY_DENIED", "This agent takes no keys.");
        const details = { epoch: message.epoch, from: incoming.from.agentId, fromSubject: incoming.from.subject };
        tx.audit({ actor, action: "pseudonym.receive", target: `agent:${self.agentId}`, result: "ok", details, traceId: incoming.traceId });
        return undefined;
      }
    }
  };

  const receiver = createReceiver(
    {
      clock,
      store,
      queue,
      policy,
      handle,
      verifyCredential: deps.verifyCredential,
      trustVersion: deps.trustVersion,
      countRefusal: deps.countRefusal,
      onError: deps.onError,
      ...(deps.boundary === undefined ? {} : { arrive: deps.boundary.arrive }),
    },
    { self, org },
  );

  const methods: MessagingMethods = {
    "task.send": async (params, call) => {
      const { taskId, peer, state } = await asker.send(params, call);
      return { taskId, agentId: peer.agentId, state };
    },
    "task.cancel": async (params) => viewTask(await asker.cancel(params)),
    "task.answer": async (params) => viewTask(await asker.answer(params)),
    "approval.request": async (params, call) => {
      const { approvalId, peer, payloadHash } = await approvals.request(params, call);
      return { approvalId, agentId: peer.agentId, payloadHash };
    },
    "approval.open": async ({ approvalId }, call) => viewApproval(await approvals.open(approvalId, call)),
    "approval.decide": async (params, call) => viewApproval(await approvals.decide(params, call)),
    notify: (params, call) => notifications.notify(params, call),
    "status.fetch": (params) => status.fetch(params),
    "inbox.list": (params) => status.list(params),
    "inbox.read": ({ id }) => status.read(id),
    "inbox.accept": async ({ taskId }, call) => viewTask(await worker.accept(taskId, call)),
    "inbox.reject": async ({ taskId, reason }, call) => viewTask(await worker.reject(taskId, reason, call)),
    "inbox.complete": async ({ taskId, result }, call) => viewTask(await worker.complete(taskId, result, call)),
    "inbox.ask": async ({ taskId, question }, call) => viewTask(await worker.ask(taskId, question, call)),
    "outbox.list": async () => ({ items: outbox.list() }),
    "dead.list": async () => ({ items: await outbox.dead() }),
    "dead.retry": async ({ id }) => {
      await outbox.retry(id);
      return { ok: true };
    },
  };

  return {
    methods,
    async start() {
      await outbox.start();
      receiver.start();
      await runs.start();
    },
    stop() {
      runs.stop();
      receiver.stop();
      outbox.stop();
    },
    receiveFrame: (frame, principal) => receiver.receive(frame, principal.agentId),
    peerConnected: outbox.peerConnected,
    finishRun: runs.finish,
    send: (make) =>
      deps.queue.run((tx) => {
        const outgoing = make(tx);
        if (outgoing !== undefined) outbox.enqueue(tx, outgoing);
      }),
    async counts() {
      return { waiting: await status.waiting(), queued: outbox.counts().queued, dead: (await outbox.dead()).length };
    },
  };
}
