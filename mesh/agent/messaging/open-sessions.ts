/** Tasks, approvals, notifications and sessions of one agent, put together: who tells whom. */
import type { Principal } from "../../contract/identity.ts";
import { knowsType, WIRE_MINOR } from "../../contract/wire.ts";
import type { Outbox } from "../../delivery/outbox-types.ts";
import { createApprovals } from "../../session/approvals/create-approvals.ts";
import { createAsker } from "../../session/asker/create-asker.ts";
import { createBroker } from "../../session/broker/create-broker.ts";
import type { SessionContext } from "../../session/broker/session-tasks.ts";
import { createChanges } from "../../session/changes.ts";
import { createDueTimes } from "../../session/due-times.ts";
import { createNotifications } from "../../session/notifications.ts";
import type { OpenItems } from "../../session/ports.ts";
import { createProgress } from "../../session/progress.ts";
import { createRunQueue } from "../../session/run-queue.ts";
import { createStatus } from "../../session/status.ts";
import type { WorkerTask } from "../../session/task-record.ts";
import { createWorker } from "../../session/worker/create-worker.ts";
import type { MessagingDeps } from "./messaging-types.ts";

/** What sessions need. */
export interface SessionsDeps
  extends Pick<
    MessagingDeps,
    | "book"
    | "boundary"
    | "clock"
    | "isMasked"
    | "isRevoked"
    | "onError"
    | "policy"
    | "queue"
    | "random"
    | "resolve"
    | "route"
    | "runner"
    | "signer"
    | "skillOf"
    | "store"
    | "verifyApproval"
    | "wireOf"
  > {
  readonly outbox: Outbox;
  readonly openItems: OpenItems;
}

/** Marks the times of approvals among those of tasks. */
const OF_APPROVALS = "approval:";

/** Makes them. @param config `concurrency`: most unattended runs at a time */
export function openSessions(deps: SessionsDeps, config: { self: Principal; org: string; concurrency: number }) {
  const { self, org } = config;
  const { clock, random, store, queue, policy, resolve, outbox, openItems } = deps;
  const changes = createChanges(deps.clock, (ids) => broker.changed(ids));
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
    ...(deps.boundary?.assertLeaves === undefined ? {} : { assertLeaves: deps.boundary.assertLeaves }),
    ...(deps.isRevoked === undefined ? {} : { isRevoked: deps.isRevoked }),
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
    knows: (agentId, type) => knowsType(type, deps.wireOf?.(agentId) ?? WIRE_MINOR),
    plan: (tx, at, approvalId) => due.plan(tx, at, `${OF_APPROVALS}${approvalId}`),
    ...(deps.book === undefined ? {} : { book: deps.book }),
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
  const wake: typeof worker.wake = (id, forget) =>
    id.startsWith(OF_APPROVALS) ? approvals.wake(id.slice(OF_APPROVALS.length), forget) : worker.wake(id, forget);
  const due = createDueTimes({ clock, store, wake, onError: deps.onError });
  const status = createStatus({ store, changes, findSession: broker.find, onRead: notifications.read, onTaskRead: worker.read });
  return { approvals, asker, broker, due, notifications, progress, runs, status, worker };
}
/** Tasks, approvals, notifications and sessions of one agent. */
export type Sessions = ReturnType<typeof openSessions>;
