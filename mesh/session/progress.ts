/**
 * How tasks at work go: the worker's newest word, told to the asker. Lossy on purpose: of one task at most one such message waits, it takes the newest
 * word along when it leaves, and it has a lane of its own, so that it never holds up what counts. Sans-IO. Source: issue "Sessions and tasks"; spec M8.
 */
import { GaggleError } from "../contract/errors.ts";
import type { Message, MessageOf } from "../contract/message.ts";
import type { Transaction } from "../contract/ports.ts";
import type { Changes } from "./changes.ts";
import type { SessionDeps, SessionIncoming } from "./ports.ts";
import { isTerminal, readTask, type TaskRecord, type WorkerTask } from "./task-record.ts";

/** Shortest time between two messages on one task. */
const GAP_MS = 1_000;

/** The newest word on a task. `seq` counts them from 1, `fraction` goes from 0 to 1. */
export interface Progress {
  readonly seq: number;
  readonly note: string;
  readonly fraction?: number;
  /** When it was said here, or came here. */
  readonly at: number;
}

const keyOf = (side: TaskRecord["side"], taskId: string): string => `progress/${side}/${taskId}`;

/** The newest word, or undefined. */
export function readProgress(source: Pick<Transaction, "get">, side: TaskRecord["side"], taskId: string): Progress | undefined {
  const text = source.get(keyOf(side, taskId));
  return text === undefined ? undefined : (JSON.parse(text) as Progress);
}

/** Forgets it; a task that has ended has none. */
export const clearProgress = (tx: Transaction, { side, taskId }: Pick<TaskRecord, "side" | "taskId">): void => tx.del(keyOf(side, taskId));

/** Makes both sides of it. */
export function createProgress(deps: SessionDeps & { readonly changes: Changes; onError(error: unknown): void }) {
  /** Tasks whose message is on its way, or was a moment ago; `true` where there is a newer word since. */
  const waiting = new Map<string, boolean>();
  let stopped = false;

  const save = (tx: Transaction, { side, taskId, sessionId }: TaskRecord, progress: Progress): void => {
    tx.put(keyOf(side, taskId), JSON.stringify(progress));
    deps.changes.changed(tx, [taskId, sessionId]);
  };

  const wordOf = ({ seq, note, fraction }: Progress) => ({ seq, note, ...(fraction === undefined ? {} : { fraction }) });

  const send = (tx: Transaction, { taskId, peer, traceId }: WorkerTask, progress: Progress): void => {
    waiting.set(taskId, false);
    deps.sender.enqueue(tx, {
      to: peer,
      message: { type: "task.progress", taskId, ...wordOf(progress) },
      priority: "P3",
      lane: `progress/${taskId}`,
      traceId,
      ref: taskId,
    });
  };

  const sendNewest = (tx: Transaction, taskId: string): void => {
    const record = readTask(tx, "worker", taskId);
    const progress = readProgress(tx, "worker", taskId);
    if (record !== undefined && progress !== undefined && !isTerminal(record)) send(tx, record, progress);
  };

  const gapOver = (taskId: string): void => {
    const isNewer = waiting.get(taskId) === true;
    waiting.delete(taskId);
    if (isNewer && !stopped) deps.queue.run((tx) => sendNewest(tx, taskId)).catch(deps.onError);
  };

  return {
    /**
     * The worker's word on how a task goes.
     * @param word `note` at most 500 characters
     * @throws GaggleError NOT_FOUND, STATE_CONFLICT for a task that has ended
     */
    report: (taskId: string, word: { note: string; fraction?: number | undefined }): Promise<WorkerTask> =>
      deps.queue.run((tx) => {
        const record = readTask(tx, "worker", taskId);
        if (record === undefined) throw new GaggleError("NOT_FOUND", "No such task came in here; check the task id.");
        if (isTerminal(record)) throw new GaggleError("STATE_CONFLICT", `The task is ${record.state}; there is nothing more to say of it.`);
        const { note, fraction } = word;
        const seq = (readProgress(tx, "worker", taskId)?.seq ?? 0) + 1;
        const progress: Progress = { seq, note, at: tx.now, ...(fraction === undefined ? {} : { fraction }) };
        save(tx, record, progress);
        if (waiting.has(taskId)) waiting.set(taskId, true);
        else send(tx, record, progress);
        return record;
      }),

    /** A worker's word; one that is late, or on a task that has ended, changes nothing. */
    onProgress(tx: Transaction, { from }: SessionIncoming, { taskId, ...word }: MessageOf<"task.progress">): undefined {
      const record = readTask(tx, "asker", taskId);
      if (record?.peer.agentId !== from.agentId)
        throw new GaggleError("NOT_FOUND", "No such task was asked for from here; check the task id.");
      if (isTerminal(record) || word.seq <= (readProgress(tx, "asker", taskId)?.seq ?? 0)) return;
      save(tx, record, { ...wordOf({ ...word, at: tx.now } as Progress), at: tx.now });
    },

    /** The message has arrived, or never will; what was said since is sent a moment later. */
    onSettled(taskId: string): void {
      if (waiting.has(taskId)) deps.clock.after(GAP_MS, () => gapOver(taskId));
    },

    /** The message as it leaves now: with the newest word there is. */
    newest(message: Message): Message {
      if (message.type !== "task.progress") return message;
      const progress = readProgress(deps.store, "worker", message.taskId);
      return progress === undefined ? message : { type: message.type, taskId: message.taskId, ...wordOf(progress) };
    },

    stop(): void {
      stopped = true;
    },
  };
}
