/** Puts delivery and sessions together: the functions behind the daemon's messaging methods, and what the peer node calls with a frame. */
import { actorOf } from "../contract/audit.ts";
import type { DaemonRequest, DaemonResult, OutboxItem } from "../contract/daemon-api.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { MembershipClaims, Principal } from "../contract/identity.ts";
import type { Json } from "../contract/json.ts";
import { ENVELOPE_LIFETIME_MS } from "../contract/limits.ts";
import {
  MAX_MESSAGE_BURST,
  MAX_MESSAGES_PER_SECOND,
  MAX_OPEN_BYTES,
  MAX_OPEN_BYTES_PER_SENDER,
  MAX_OPEN_ITEMS,
  MAX_OPEN_ITEMS_PER_SENDER,
} from "../contract/limits.ts";
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
import { forWire, WIRE_MINOR } from "../contract/wire.ts";
import type { ArtifactDesk } from "./open-artifacts.ts";
import { readMark } from "../mailbox/mail-mark.ts";
import { createMailDesk, type MailDesk } from "./mail-desk.ts";
import { type OpenedEnvelope, sealEnvelope } from "../delivery/envelope.ts";
import { createOutbox } from "../delivery/outbox.ts";
import type { OutboxRecord } from "../delivery/outbox-record.ts";
import { createInboxQuota, type QuotaConfig } from "../delivery/inbox-quota.ts";
import { createReceiver } from "../delivery/receive.ts";
import type { Incoming } from "../delivery/receiver-types.ts";
import { type BucketConfig, createTokenBuckets } from "../resilience/token-buckets.ts";
import { type ExpectedDecision, viewApproval } from "../session/approval-record.ts";
import { createApprovals } from "../session/approvals.ts";
import { createAsker } from "../session/asker.ts";
import { createChanges } from "../session/changes.ts";
import { createNotifications, notifyQuestion } from "../session/notifications.ts";
import type { CallContext, OpenItems, RunnableSkill, Runner, RunOutcome, SessionDeps } from "../session/ports.ts";
import { createDueTimes } from "../session/due-times.ts";
import { createBroker, isSessionMessage } from "../session/broker/create-broker.ts";
import { createProgress } from "../session/progress.ts";
import { createRunQueue } from "../session/run-queue.ts";
import { createStatus } from "../session/status.ts";
import { approversOf } from "../session/task-approval.ts";
import { viewTask, type WorkerTask } from "../session/task-record.ts";
import type { SessionContext } from "../session/broker/session-tasks.ts";
import { createWorker } from "../session/worker/create-worker.ts";

/** What one sender and all together may leave open in the inbox. */
const QUOTA: QuotaConfig = {
  itemsPerSender: MAX_OPEN_ITEMS_PER_SENDER,
  items: MAX_OPEN_ITEMS,
  bytesPerSender: MAX_OPEN_BYTES_PER_SENDER,
  bytes: MAX_OPEN_BYTES,
};
/** How often one sender may send. */
const RATE: BucketConfig = { perSecond: MAX_MESSAGES_PER_SECOND, burst: MAX_MESSAGE_BURST };

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
    record: Pick<OutboxRecord, "id" | "to" | "ref" | "message" | "traceparent" | "mask">,
  ): Promise<Pick<EnvelopeClaims, "message" | "sealed">>;
  /** A message as it counts here. @throws GaggleError ENVELOPE_INVALID for a seal that is not for this agent and envelope */
  arrive(opened: OpenedEnvelope): Promise<OpenedEnvelope>;
  /** Classes that are in a value; left out, they are unknown. @throws GaggleError GUARD_REFUSED where it could not be looked through */
  classesOf?(value: Json): Promise<readonly string[]>;
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
  resolve: SessionDeps["resolve"];
  /** The same with reasons; left out, nobody explains and one is asked. */
  readonly route?: SessionDeps["route"];
  skillOf(id: string): RunnableSkill | undefined;
  /** Masks what leaves for another department, and restores what came sealed; left out, messages go and come as they are. */
  readonly boundary?: Boundary;
  /** Files that hang on tasks; left out, they are named and never fetched. */
  readonly artifacts?: ArtifactDesk;
  /** Minor version of the wire that an agent knows; undefined where it told none since the start: then it is taken for as new as this one. */
  wireOf?(agentId: string): number | undefined;
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
  /** Runs at work, those that wait for a slot, and whether the inbox takes no more. */
  load(): { running: number; queued: number; full: boolean };
  /** For `daemon.status`. */
  counts(): Promise<{ waiting: number; queued: number; dead: number; busy: NonNullable<DaemonResult<"daemon.status">["busy"]> }>;
  /** What the mailbox works with. */
  readonly mail: MailDesk;
  readonly methods: MessagingMethods;
}

/**
 * Makes messaging.
 * @param config `concurrency`: most unattended runs at a time; `window`: messages in flight to one recipient (default 32);
 *   `quota`, `rate`: other limits for what comes in than those of docs/limits.md
 */
export function createMessaging(
  deps: MessagingDeps,
  config: {
    self: Principal;
    org: string;
    concurrency: number;
    window?: number;
    quota?: Partial<QuotaConfig>;
    rate?: Partial<BucketConfig>;
  },
): Messaging {
  const { self, org } = config;
  const actor = actorOf(self);
  const changes = createChanges(deps.clock, (ids) => broker.changed(ids));

  const seal = async (record: OutboxRecord, mark: Pick<EnvelopeClaims, "copy"> = {}): Promise<Uint8Array> => {
    const { id, to, priority, policyHash, traceparent } = record;
    // The clock may have been set back since it was recorded: nobody believes a message from the future.
    const ts = Math.min(record.createdAt, deps.clock.now());
    const exp = Math.min(record.exp, ts + ENVELOPE_LIFETIME_MS);
    const message = progress.newest(record.message);
    const content = (await deps.boundary?.depart({ ...record, message })) ?? { message };
    const departed = (await deps.artifacts?.depart(record, content.message)) ?? content.message;
    const claims = {
      v: 1 as const,
      id,
      ts,
      exp,
      org,
      from: self.agentId,
      to: to.agentId,
      priority,
      policyHash,
      traceparent,
      ...content,
      message: forWire(departed.type, departed, deps.wireOf?.(to.agentId) ?? WIRE_MINOR),
      ...mark,
    };
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
      onDelivered(tx, record) {
        const { message, ref, to } = record;
        mail.onSettled(tx, record);
        if (message.type === "task.progress") progress.onSettled(message.taskId);
        else if (isSessionMessage(message)) broker.onDelivered(tx, message, to.agentId);
        else if (message.type === "task.request") asker.onDelivered(tx, message.taskId);
        else if (message.type === "approval.request") approvals.onDelivered(tx, message.approvalId);
        else if (message.type === "notification" && ref !== undefined) notifications.onDelivered(tx, ref);
      },
      onDead(tx, record, failure) {
        const { message, to } = record;
        mail.onSettled(tx, record);
        if (message.type === "task.request" || message.type === "task.answer" || message.type === "task.cancel")
          asker.onDead(tx, message, failure);
        else if (message.type === "task.progress") progress.onSettled(message.taskId);
        else if (isSessionMessage(message)) broker.onDead(tx, message, to.agentId, failure.code);
        else if (message.type === "approval.request") approvals.onDead(tx, message.approvalId, failure);
      },
      onWithdrawn(tx, record) {
        const { message } = record;
        mail.onSettled(tx, record);
        if (message.type === "task.request") asker.onWithdrawn(tx, message.taskId);
        else if (message.type === "approval.request") approvals.onWithdrawn(tx, message.approvalId);
      },
      onUnreached: (messages) => asker.onUnreached(messages),
      isElsewhere: (source, id) => readMark(source, id) !== undefined,
      onRetry(tx, { message, to }) {
        if (message.type === "task.request") return asker.onRetry(tx, message.taskId);
        if (message.type === "approval.request") return approvals.onRetry(tx, message.approvalId);
        if (message.type === "notification")
          return policy.decide(notifyQuestion(self, to, false), deps.boundary === undefined ? {} : { keeps: ["mask"] });
        return undefined;
      },
    },
    { actor, ...(config.window === undefined ? {} : { window: config.window }) },
  );
  const mail = createMailDesk({
    queue: deps.queue,
    outbox,
    receiver: () => receiver,
    envelope: (record, to, copy) => seal({ ...record, to }, copy ? { copy: true } : {}),
    onDeposited(tx, { message, ref }) {
      if (message.type === "task.request") asker.onDeposited(tx, message.taskId);
      else if (message.type === "approval.request") approvals.onDeposited(tx, message.approvalId);
      else if (message.type === "notification" && ref !== undefined) notifications.onDeposited(tx, ref);
    },
    actor,
  });
  const quota = createInboxQuota(deps.store, { ...QUOTA, ...config.quota });
  const senders = createTokenBuckets(deps, { ...RATE, ...config.rate });
  const openItems: OpenItems = {
    opened: (tx, kind, id, { from, bytes }) => quota.opened(tx, { kind, id, from: from.agentId, bytes }),
    closed: quota.closed,
  };

  const { clock, random, store, queue, policy, resolve } = deps;
  const session = {
    clock,
    random,
    store,
    queue,
    policy,
    resolve,
    ...(deps.route === undefined ? {} : { route: deps.route }),
    self,
    sender: outbox,
    changes,
    openItems,
    masks: deps.boundary !== undefined,
    ...(deps.boundary?.classesOf === undefined ? {} : { classesOf: deps.boundary.classesOf }),
    ...(deps.isMasked === undefined ? {} : { isMasked: deps.isMasked }),
  };
  const broker = createBroker({
    ...session,
    org,
    signer: deps.signer,
    onError: deps.onError,
    tellPerson: (tx, incoming, text) =>
      notifications.onNotification(tx, incoming, { type: "notification", message: text, severity: "info" }),
  });
  const approvals = createApprovals({
    ...session,
    verifyApproval: deps.verifyApproval,
    onDecided: (tx, record) => asker.onApproval(tx, record),
  });
  const asker = createAsker({ ...session, taskSessions: broker.tasks, approvals, onError: deps.onError });
  const progress = createProgress({ ...session, onError: deps.onError });
  const notifications = createNotifications(session);
  const worker = createWorker({
    ...session,
    taskSessions: broker.tasks,
    skillOf: deps.skillOf,
    due: { plan: (tx, at, taskId) => due.plan(tx, at, taskId) },
    onRunnable: (taskId, priority) => runs.offer(taskId, priority),
    onUnwanted: (taskId, attempt) => deps.runner.stop(taskId, attempt),
  });
  const sessionOf = (task: WorkerTask): SessionContext | undefined => broker.tasks.contextOf(store, task.session);
  const runs = createRunQueue({ clock, store, runner: deps.runner, worker, sessionOf, onError: deps.onError }, config);
  const due = createDueTimes({ clock, store, wake: worker.wake, onError: deps.onError });
  const status = createStatus({ store, changes, findSession: broker.find, onRead: notifications.read, onTaskRead: worker.read });

  const handle = (tx: Transaction, incoming: Incoming): GaggleError | undefined => {
    const refusal = handleMessage(tx, incoming);
    if (refusal === undefined) deps.artifacts?.arrived(tx, incoming.from, incoming.message);
    return refusal;
  };

  const handleMessage = (tx: Transaction, incoming: Incoming): GaggleError | undefined => {
    const message: Message = incoming.message;
    if (isSessionMessage(message)) return broker.handle(tx, incoming, message);
    switch (message.type) {
      case "task.request":
        return worker.onRequest(tx, incoming, message);
      case "task.update":
        return asker.onUpdate(tx, incoming, message);
      case "task.progress":
        return progress.onProgress(tx, incoming, message);
      case "task.answer":
        return worker.onAnswer(tx, incoming, message);
      case "task.cancel":
        return worker.onCancel(tx, incoming, message);
      case "task.read":
        return asker.onRead(tx, incoming, message);
      case "approval.request":
        return approvals.onRequest(tx, incoming, message);
      case "approval.decision":
        return approvals.onDecision(tx, incoming, message);
      case "notification":
        return notifications.onNotification(tx, incoming, message);
      case "mail.receipt":
        return mail.onReceipt(tx, incoming.from, message);
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
      ...(deps.wireOf === undefined ? {} : { wireOf: deps.wireOf }),
      countRefusal: deps.countRefusal,
      assertRoom: quota.assertRoom,
      waitOf: senders.take,
      onError: deps.onError,
      approversOf: (from, message) => approversOf({ self, verifyApproval: deps.verifyApproval }, from, message),
      recipeHashOf: (skill) => {
        const hash = deps.skillOf(skill)?.details["recipeSha256"];
        return typeof hash === "string" ? hash : undefined;
      },
      async arrive(opened) {
        await approvals.prepare(opened.claims.message);
        return (await deps.boundary?.arrive(opened)) ?? opened;
      },
    },
    { self, org },
  );

  const withDeposit = (item: OutboxItem): OutboxItem => {
    const at = readMark(store, item.id)?.depositedAt;
    return at === undefined ? item : { ...item, depositedAt: new Date(at).toISOString() };
  };

  const methods: MessagingMethods = {
    "task.send": async (params, call) => {
      const { id: taskId, tasks } = await asker.send(params, call);
      const { peer, state, group } = status.task(taskId);
      const children = tasks.map((task) => ({ taskId: task.taskId, agentId: task.peer.agentId }));
      return { taskId, agentId: peer.agentId, state, ...(group === undefined ? {} : { children }) };
    },
    "task.cancel": async (params) => {
      await asker.cancel(params);
      return status.task(params.taskId);
    },
    "task.answer": async (params) => viewTask(await asker.answer(params)),
    "approval.request": async (params, call) => {
      const { approvalId, peer, payloadHash } = await approvals.request(params, call);
      return { approvalId, agentId: peer.agentId, payloadHash };
    },
    "approval.open": async ({ approvalId }, call) => viewApproval(await approvals.open(approvalId, call)),
    "approval.decide": async (params, call) => viewApproval(await approvals.decide(params, call)),
    notify: (params, call) => notifications.notify(params, call),
    ...broker.methods,
    "status.fetch": (params) => status.fetch(params),
    "inbox.list": (params) => status.list(params),
    "inbox.read": ({ id }) => status.read(id),
    "inbox.accept": async ({ taskId }, call) => viewTask(await worker.accept(taskId, call)),
    "inbox.reject": async ({ taskId, reason }, call) => viewTask(await worker.reject(taskId, reason, call)),
    "inbox.complete": async ({ taskId, result, ...extras }, call) => viewTask(await worker.complete(taskId, result, call, extras)),
    "inbox.progress": async ({ taskId, ...word }) => viewTask(await progress.report(taskId, word)),
    "inbox.ask": async ({ taskId, question }, call) => viewTask(await worker.ask(taskId, question, call)),
    "outbox.list": async ({ limit }) => ({ items: outbox.list(limit).map(withDeposit), total: outbox.counts().queued }),
    "outbox.cancel": async ({ id }) => {
      const { withdrawn, record } = await outbox.withdraw(id);
      if (withdrawn) return { withdrawn };
      if (record.message.type !== "task.request")
        throw new GaggleError("STATE_CONFLICT", "It was sent already and may have arrived, so it can't be taken back.");
      await asker.cancel({ taskId: record.message.taskId, reason: "withdrawn by the sender" });
      return { withdrawn };
    },
    "dead.list": async ({ limit }) => ({ items: await outbox.dead(limit), total: outbox.counts().dead }),
    "dead.retry": async ({ id }) => {
      await outbox.retry(id);
      return { ok: true };
    },
    "dead.retryAll": () => outbox.retryAll(),
  };

  return {
    methods,
    mail,
    async start() {
      await quota.start();
      await outbox.start();
      receiver.start();
      await runs.start();
      await broker.start();
      due.start();
    },
    stop() {
      runs.stop();
      asker.stop();
      progress.stop();
      broker.stop();
      due.stop();
      receiver.stop();
      outbox.stop();
    },
    receiveFrame: (frame, principal) => receiver.receive(frame, principal.agentId),
    peerConnected: outbox.peerConnected,
    trustChanged: outbox.wakeAll,
    load: () => ({ ...runs.load(), full: quota.state().full }),
    finishRun: runs.finish,
    reportProgress: async (taskId, note) => {
      try {
        await progress.report(taskId, { note });
      } catch (error) {
        if (errorCode(error) !== "STATE_CONFLICT" && errorCode(error) !== "NOT_FOUND") throw error;
      }
    },
    send: (make) =>
      deps.queue.run((tx) => {
        const outgoing = make(tx);
        if (outgoing !== undefined) outbox.enqueue(tx, outgoing);
      }),
    async counts() {
      const { queued, dead, away, busy } = outbox.counts();
      const { items, bytes, full } = quota.state();
      const inbox = { full, items, bytes, answered: receiver.busyAnswers() };
      return { waiting: await status.waiting(), queued, dead, busy: { inbox, recipients: busy, away } };
    },
  };
}
