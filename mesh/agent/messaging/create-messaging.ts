/** Puts delivery and sessions together: the functions behind the daemon's messaging methods, and what the peer node calls with a frame. */
import { actorOf } from "../../contract/audit.ts";
import { errorCode } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import {
  MAX_MESSAGE_BURST,
  MAX_MESSAGES_PER_SECOND,
  MAX_OPEN_BYTES,
  MAX_OPEN_BYTES_PER_SENDER,
  MAX_OPEN_ITEMS,
  MAX_OPEN_ITEMS_PER_SENDER,
} from "../../contract/limits.ts";
import { createInboxQuota, type QuotaConfig } from "../../delivery/inbox-quota.ts";
import { createOutbox } from "../../delivery/outbox.ts";
import type { Outbox } from "../../delivery/outbox-types.ts";
import { createReceiver } from "../../delivery/receive.ts";
import type { Receiver } from "../../delivery/receiver-types.ts";
import { readMark } from "../../mailbox/mail-mark.ts";
import { type BucketConfig, createTokenBuckets } from "../../resilience/token-buckets.ts";
import type { OpenItems } from "../../session/ports.ts";
import { approversOf } from "../../session/task-approval.ts";
import { recipeHashOf } from "../../session/worker/run-policy.ts";
import { createMailDesk, type MailDesk } from "../mail-desk.ts";
import { withApprovedClasses } from "./approved-classes.ts";
import { createHandling } from "./handle-incoming.ts";
import { createMessagingMethods } from "./messaging-methods.ts";
import type { Messaging, MessagingDeps } from "./messaging-types.ts";
import { openSessions, type Sessions } from "./open-sessions.ts";
import { createSeal } from "./seal-outgoing.ts";
import { createSettling } from "./settle-outgoing.ts";

/** What one sender and all together may leave open in the inbox. */
const QUOTA: QuotaConfig = {
  itemsPerSender: MAX_OPEN_ITEMS_PER_SENDER,
  items: MAX_OPEN_ITEMS,
  bytesPerSender: MAX_OPEN_BYTES_PER_SENDER,
  bytes: MAX_OPEN_BYTES,
};
/** How often one sender may send. */
const RATE: BucketConfig = { perSecond: MAX_MESSAGES_PER_SECOND, burst: MAX_MESSAGE_BURST };

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
  const seal = createSeal({ ...deps, newest: (message) => sessions.progress.newest(message) }, { self, org });
  const settling = createSettling({
    self,
    policy: deps.policy,
    masks: deps.boundary !== undefined,
    sessions: () => sessions,
    mail: () => mail,
  });
  const outbox: Outbox = createOutbox(
    {
      clock: deps.clock,
      random: deps.random,
      store: deps.store,
      queue: deps.queue,
      link: deps.link,
      seal,
      policyHash: deps.policyHash,
      onError: deps.onError,
      ...settling,
      onUnreached: (messages) => sessions.asker.onUnreached(messages),
      isElsewhere: (source, id) => readMark(source, id) !== undefined,
    },
    { actor, ...(config.window === undefined ? {} : { window: config.window }) },
  );
  const mail: MailDesk = createMailDesk({
    queue: deps.queue,
    outbox,
    receiver: () => receiver,
    envelope: (record, to, copy) => seal({ ...record, to }, copy ? { copy: true } : {}),
    onDeposited: settling.onDeposited,
    actor,
  });
  const quota = createInboxQuota(deps.store, { ...QUOTA, ...config.quota });
  const senders = createTokenBuckets(deps, { ...RATE, ...config.rate });
  const openItems: OpenItems = {
    opened: (tx, kind, id, { from, bytes }) => quota.opened(tx, { kind, id, from: from.agentId, bytes }),
    closed: quota.closed,
  };
  const sessions: Sessions = openSessions({ ...deps, outbox, openItems }, config);
  const receiver: Receiver = createReceiver(
    {
      clock: deps.clock,
      store: deps.store,
      queue: deps.queue,
      policy: deps.policy,
      handle: createHandling({ ...deps, self, sessions, mail, takesKeys: deps.boundary !== undefined }),
      verifyCredential: deps.verifyCredential,
      trustVersion: deps.trustVersion,
      ...(deps.wireOf === undefined ? {} : { wireOf: deps.wireOf }),
      countRefusal: deps.countRefusal,
      assertRoom: quota.assertRoom,
      waitOf: senders.take,
      onError: deps.onError,
      approversOf: (from, message, classes) => approversOf({ ...deps, self }, from, message, classes),
      recipeHashOf: (skill) => recipeHashOf(deps.skillOf(skill)),
      async arrive(opened) {
        await sessions.approvals.prepare(opened.claims.message);
        return withApprovedClasses(deps.boundary, self, (await deps.boundary?.arrive(opened)) ?? opened);
      },
    },
    { self, org },
  );

  return {
    methods: createMessagingMethods({ store: deps.store, outbox, sessions }),
    mail,
    async start() {
      await quota.start();
      await outbox.start();
      receiver.start();
      await sessions.runs.start();
      await sessions.broker.start();
      sessions.due.start();
    },
    stop() {
      sessions.runs.stop();
      sessions.asker.stop();
      sessions.progress.stop();
      sessions.broker.stop();
      sessions.due.stop();
      receiver.stop();
      outbox.stop();
    },
    receiveFrame: (frame, principal) => receiver.receive(frame, principal.agentId),
    peerConnected: outbox.peerConnected,
    trustChanged: outbox.wakeAll,
    roomAgain() {
      sessions.runs.wake();
      outbox.wakeAll();
    },
    load: () => ({ ...sessions.runs.load(), full: quota.state().full }),
    finishRun: sessions.runs.finish,
    reportProgress: async (taskId, note) => {
      try {
        await sessions.progress.report(taskId, { note });
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
      return { waiting: await sessions.status.waiting(), queued, dead, busy: { inbox, recipients: busy, away } };
    },
  };
}
