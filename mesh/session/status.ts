/** What a person or a Goose session can look at: one task, approval or session, and the inbox. */
import type { ApprovalView, DaemonRequest, DaemonResult, InboxItem, TaskView } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import { TERMINAL_STATES } from "../contract/message.ts";
import type { OrderedStore } from "../contract/ports.ts";
import type { SessionView } from "../contract/session.ts";
import { readApproval, viewApproval } from "./approval-record.ts";
import type { Changes } from "./changes.ts";
import { childrenOf, readGroup, viewGroup } from "./group.ts";
import { type InboxEntry, listItems } from "./inbox.ts";
import { type NotificationRecord, readNotification, viewNotification } from "./notifications.ts";
import { listSession } from "./session-index.ts";
import { readProgress } from "./progress.ts";
import { readTask, type TaskRecord, viewTask, type WorkerTask } from "./task-record.ts";

type Status = DaemonResult<"status.fetch">;

const unknown = (what: string): GaggleError => new GaggleError("NOT_FOUND", `No such ${what} is known here; check the id.`);

const isTaskDone = ({ state }: TaskView): boolean => TERMINAL_STATES.has(state);
const isApprovalDone = ({ state }: ApprovalView): boolean => state !== "PENDING";

/** True where nothing more will change, so that waiting makes no sense. */
function isDone(status: Status): boolean {
  if (status.kind === "task") return isTaskDone(status);
  if (status.kind === "approval") return isApprovalDone(status);
  return status.session?.state !== "OPEN" && status.tasks.every(isTaskDone) && status.approvals.every(isApprovalDone);
}

/** Makes the views over the store. */
export function createStatus(deps: {
  store: OrderedStore;
  changes: Changes;
  /** A session of several agents, where the id is one's. */
  findSession(sessionId: string): Promise<SessionView | undefined>;
  /** Marks a notification as seen. */
  onRead(record: NotificationRecord): Promise<void>;
  /** A task that came in was opened. */
  onTaskRead(record: WorkerTask): Promise<void>;
}) {
  const { store } = deps;

  const taskView = (task: TaskRecord): TaskView => viewTask(task, readProgress(store, task.side, task.taskId));

  const taskOrApproval = (id: string): TaskView | ApprovalView | undefined => {
    const task = readTask(store, "asker", id) ?? readTask(store, "worker", id);
    if (task !== undefined) return taskView(task);
    const group = readGroup(store, id);
    if (group !== undefined) return viewGroup(group, childrenOf(store, group));
    const approval = readApproval(store, "requester", id) ?? readApproval(store, "approver", id);
    return approval && viewApproval(approval);
  };

  const session = async (sessionId: string): Promise<Status | undefined> => {
    const items = (await listSession(store, sessionId)).flatMap(({ id }) => taskOrApproval(id) ?? []);
    const shared = await deps.findSession(sessionId);
    if (items.length === 0 && shared === undefined) return undefined;
    return {
      kind: "session",
      sessionId,
      ...(shared === undefined ? {} : { session: shared }),
      tasks: items.filter((i) => i.kind === "task"),
      approvals: items.filter((i) => i.kind === "approval"),
    };
  };

  const read = async (id: string): Promise<Status> => {
    const status = taskOrApproval(id) ?? (await session(id));
    if (status === undefined) throw unknown("task, approval or session");
    return status;
  };

  const item = ({ kind, id }: Pick<InboxEntry, "kind" | "id">): InboxItem | undefined => {
    if (kind === "task") {
      const task = readTask(store, "worker", id);
      return task && taskView(task);
    }
    if (kind === "approval") {
      const approval = readApproval(store, "approver", id);
      return approval && viewApproval(approval);
    }
    const notification = readNotification(store, id);
    return notification && viewNotification(notification);
  };

  return {
    /** A task, approval or session; with `waitMs` after its next change, at once where nothing more will change. @throws GaggleError NOT_FOUND */
    async fetch({ id, waitMs }: DaemonRequest<"status.fetch">): Promise<Status> {
      // Begins to wait before it reads, so that no change falls between.
      const change = waitMs > 0 ? deps.changes.wait(id, waitMs) : undefined;
      try {
        const status = await read(id);
        if (change === undefined || isDone(status)) return status;
        await change.done;
        return await read(id);
      } finally {
        change?.cancel();
      }
    },

    /** One task, or a group of tasks, that was asked for from here. @throws GaggleError NOT_FOUND */
    task(id: string): TaskView {
      const found = taskOrApproval(id);
      if (found?.kind !== "task") throw unknown("task");
      return found;
    },

    /** What came in, newest first; by default only what waits for a person. */
    async list({ kind, waiting, limit }: DaemonRequest<"inbox.list">): Promise<{ items: InboxItem[] }> {
      const entries = await listItems(store, { waiting, limit, ...(kind === undefined ? {} : { kind }) });
      return { items: entries.flatMap((entry) => item(entry) ?? []) };
    },

    /** One item of the inbox; a notification counts as seen from then on, and a task's asker is told that it was opened. @throws GaggleError NOT_FOUND */
    async read(id: string): Promise<InboxItem> {
      const found = item({ kind: "task", id }) ?? item({ kind: "approval", id }) ?? item({ kind: "notification", id });
      if (found === undefined) throw unknown("inbox item");
      const notification = found.kind === "notification" ? readNotification(store, id) : undefined;
      if (notification !== undefined) await deps.onRead(notification);
      const task = found.kind === "task" ? readTask(store, "worker", id) : undefined;
      if (task !== undefined && task.readAt === undefined) await deps.onTaskRead(task);
      return found;
    },

    /** How many items wait for a person. */
    async waiting(): Promise<number> {
      return (await listItems(store, { waiting: true, limit: Number.MAX_SAFE_INTEGER })).length;
    },
  };
}
