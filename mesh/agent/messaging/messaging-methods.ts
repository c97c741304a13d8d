/** The functions behind the daemon's messaging methods. */
import type { OutboxItem } from "../../contract/daemon-api.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { OrderedStore } from "../../contract/ports.ts";
import type { Outbox } from "../../delivery/outbox-types.ts";
import { readMark } from "../../mailbox/mail-mark.ts";
import { viewApproval } from "../../session/approval-record.ts";
import { viewTask } from "../../session/task-record.ts";
import type { MessagingMethods } from "./messaging-types.ts";
import type { Sessions } from "./open-sessions.ts";

/** What they need. */
export interface MessagingMethodsDeps {
  readonly store: OrderedStore;
  readonly outbox: Outbox;
  readonly sessions: Pick<Sessions, "approvals" | "asker" | "broker" | "notifications" | "progress" | "status" | "worker">;
}

/** Makes them. */
export function createMessagingMethods({ store, outbox, sessions }: MessagingMethodsDeps): MessagingMethods {
  const { approvals, asker, broker, notifications, progress, status, worker } = sessions;

  const withDeposit = (item: OutboxItem): OutboxItem => {
    const at = readMark(store, item.id)?.depositedAt;
    return at === undefined ? item : { ...item, depositedAt: new Date(at).toISOString() };
  };

  return {
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
      const { approvalId, peer, payloadHash, asked = [] } = await approvals.request(params, call);
      const people = asked.map(({ to: { subject, role } }) => ({ subject, role }));
      return { approvalId, agentId: peer.agentId, payloadHash, ...(people.length > 1 ? { asked: people } : {}) };
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
}
