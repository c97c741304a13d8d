/** What the agent that works on a task says about it: its states, and that its person has opened it. */
import { actorOf } from "../../contract/audit.ts";
import type { Principal } from "../../contract/identity.ts";
import { type MessageOf, type TaskState, TERMINAL_STATES } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { SessionDeps, SessionIncoming } from "../ports.ts";
import { misfitMessage, misfits } from "../results.ts";
import { type AskerTask, auditTaskState, isTerminal, moveTask, noteTask, readTask, type TaskMove } from "../task-record.ts";
import { type AskerSteps, unknownTask } from "./asker-steps.ts";
import { messageFor } from "./task-request.ts";

/** What taking these messages needs. */
export interface WorkerMessagesDeps extends Pick<SessionDeps, "isMasked" | "self" | "sender"> {
  readonly steps: Pick<AskerSteps, "save">;
}

/** States from which it follows that somebody there has looked at the task. */
const READ_STATES: ReadonlySet<TaskState> = new Set(["WORKING", "INPUT_REQUIRED", "COMPLETED"]);

const readBy = (record: AskerTask, state: TaskState, nowMs: number): Pick<AskerTask, "readAt"> =>
  record.readAt === undefined && READ_STATES.has(state) ? { readAt: nowMs } : {};

/** The first device of a person that begins with a task has it from then on. */
const claimed = (record: AskerTask | undefined, from: Principal): AskerTask | undefined =>
  record?.rev === 0 && record.peer.subject === from.subject && record.peer.role === from.role ? { ...record, peer: from } : record;

/** Makes the handlers. */
export function createWorkerMessages(deps: WorkerMessagesDeps) {
  const actor = actorOf(deps.self);
  const { save } = deps.steps;

  /** The worker's step; a result in another form than agreed ends the task as FAILED here, whatever the worker says. */
  const stepOf = (record: AskerTask, update: MessageOf<"task.update">, nowMs: number): TaskMove => {
    const { state, result, message, parts, artifacts } = update;
    const problems = state === "COMPLETED" && result !== undefined ? misfits(record, result, deps.isMasked) : [];
    if (problems.length > 0) return { state: "FAILED", nowMs, message: misfitMessage(problems) };
    return {
      state,
      nowMs,
      ...(result === undefined ? {} : { result }),
      ...(parts === undefined ? {} : { resultParts: parts }),
      ...(artifacts === undefined ? {} : { resultArtifacts: artifacts }),
      ...(message === undefined ? {} : { message }),
    };
  };

  /** Another device of the person got a copy and works on it too, although one has the task: it is told to leave it. */
  const leaveToOther = (tx: Transaction, record: AskerTask, to: Principal, { taskId, state }: MessageOf<"task.update">): undefined => {
    if (TERMINAL_STATES.has(state)) return;
    const reason = "Another device of this person works on it.";
    deps.sender.enqueue(tx, { ...messageFor(record, { type: "task.cancel", taskId, reason }), to, lane: `${taskId} ${to.agentId}` });
  };

  return {
    /** A state of the worker's. Late ones and those of a finished task change nothing. */
    onUpdate(tx: Transaction, incoming: SessionIncoming, update: MessageOf<"task.update">): undefined {
      const record = claimed(readTask(tx, "asker", update.taskId), incoming.from);
      if (record?.peer.subject !== incoming.from.subject) throw unknownTask();
      if (record.peer.agentId !== incoming.from.agentId) return leaveToOther(tx, record, incoming.from, update);
      if (isTerminal(record) || update.rev <= record.rev) return;
      const { state, rev, spent } = update;
      const skillSchema = record.skillSchema ?? update.resultSchema;
      const told = { ...record, ...(spent === undefined ? {} : { spent }), ...(skillSchema === undefined ? {} : { skillSchema }) };
      const moved = save(tx, {
        ...moveTask(told, stepOf(told, update, tx.now)),
        rev,
        delivery: "stored",
        ...readBy(record, state, tx.now),
      });
      auditTaskState(tx, moved, actor);
    },

    /** The worker's person has opened the task. */
    onRead(tx: Transaction, incoming: SessionIncoming, { taskId }: MessageOf<"task.read">): undefined {
      const record = readTask(tx, "asker", taskId);
      if (record?.peer.agentId !== incoming.from.agentId) throw unknownTask();
      if (record.readAt === undefined) save(tx, { ...noteTask(record, tx.now, "read"), delivery: "stored", readAt: tx.now });
    },
  };
}
