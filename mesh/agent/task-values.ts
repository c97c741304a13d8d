/**
 * Values of a task that came sealed: kept as a map of the task, and told to each Goose session that works with the task, so that the guard masks them
 * for its model again, also where the detector alone would miss one.
 */
import type { Held } from "../../guard/boundary/look-inside.ts";
import type { TokenSessions } from "../../guard/pseudonym/token-sessions.ts";
import { ENVELOPE_LIFETIME_MS } from "../contract/limits.ts";
import type { Message } from "../contract/message.ts";
import type { OrderedStore } from "../contract/ports.ts";
import { readTask } from "../session/task-record.ts";

/** A message about a task. */
export type TaskMessage = Extract<Message, { taskId: string }>;

/** Whether a message's sender is the one with whom this agent has the task. A request may begin one. */
export function isTaskPeer(store: Pick<OrderedStore, "get">, { type, taskId }: TaskMessage, from: string): boolean {
  const peer = readTask(store, type === "task.update" ? "asker" : "worker", taskId)?.peer.agentId;
  return peer === undefined ? type === "task.request" : peer === from;
}

/** Values of tasks. */
export interface TaskValues {
  /**
   * Keeps them; resolves when they are on the disk. Kept as long after their last use as an envelope may be under way.
   * @param from agent that sent them: its maps make room for each other
   */
  keep(taskId: string, from: string, values: readonly Held[]): Promise<void>;
  /** Tells them to a session. A map that can't be read any more throws. @param sessionId key as `sessionKey` makes it */
  tell(taskId: string, sessionId: string): void;
}

const idOf = (taskId: string): string => `task:${taskId}`;

/** Makes it over the daemon's token sessions. */
export function createTaskValues(sessions: TokenSessions): TaskValues {
  return {
    keep: async (taskId, from, values) => {
      const session = sessions.open(idOf(taskId), { lifetimeMs: ENVELOPE_LIFETIME_MS, owner: from });
      for (const { label, value } of values) session.tokenFor(label, { surface: value, value });
      await session.settle();
    },
    tell: (taskId, sessionId) => {
      const task = sessions.find(idOf(taskId));
      if (task === undefined) return;
      const session = sessions.open(sessionId);
      for (const { tokenClass, surface, value } of task.issued()) session.tokenFor(tokenClass, { surface, value });
    },
  };
}
