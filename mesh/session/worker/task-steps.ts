/**
 * How a task on the working side changes: its record, its places in the indexes, the audit and the word to its asker, in one transaction.
 * Invariants: a task leaves a terminal state never; every state told has its own `rev`.
 */
import { actorOf } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { Changes } from "../changes.ts";
import type { DueTimes } from "../due-times.ts";
import { indexItem } from "../inbox.ts";
import type { RunnableSkill, SessionDeps } from "../ports.ts";
import { clearProgress } from "../progress.ts";
import { auditTaskState, isTerminal, moveTask, readTask, runKey, type TaskMove, taskKey, type WorkerTask } from "../task-record.ts";
import { nextDue } from "../task-times.ts";
import { isRunnable, isUnstarted, waitsForPerson } from "./readiness.ts";

/** What changing a task needs. */
export interface TaskStepsDeps extends Pick<SessionDeps, "openItems" | "self" | "sender"> {
  readonly changes: Changes;
  /** The skill, where this agent's role has it as a recipe. */
  skillOf(id: string): RunnableSkill | undefined;
  /** There may be a task to run now. Called after the sync. */
  onRunnable(taskId: string, priority: WorkerTask["priority"]): void;
  /** Wakes tasks when their time has come. */
  readonly due: Pick<DueTimes, "plan">;
  /** An attempt is no longer wanted. Called after the sync. */
  onUnwanted(taskId: string, attempt: number): void;
}

const unknown = (): GaggleError => new GaggleError("NOT_FOUND", "No such task came in here; check the task id.");

const TOO_LATE = "ENVELOPE_EXPIRED: It was not started before its time was over.";

/** Makes the steps. */
export function createTaskSteps(deps: TaskStepsDeps) {
  const actor = actorOf(deps.self);

  const save = (tx: Transaction, record: WorkerTask): WorkerTask => {
    const { taskId, priority } = record;
    const runnable = isRunnable(record, tx.now);
    tx.put(taskKey("worker", taskId), JSON.stringify(record));
    if (isTerminal(record)) clearProgress(tx, record);
    indexItem(tx, { kind: "task", id: taskId, createdAt: record.createdAt }, waitsForPerson(record, tx.now));
    if (record.running || runnable) tx.put(runKey(taskId), "");
    else tx.del(runKey(taskId));
    if (runnable) tx.afterCommit(() => deps.onRunnable(taskId, priority));
    if (isTerminal(record)) deps.openItems.closed(tx, "task", taskId);
    deps.changes.changed(tx, [taskId, record.sessionId, record.session?.id]);
    return record;
  };

  const tell = (tx: Transaction, record: WorkerTask): void => {
    const {
      taskId,
      rev,
      state,
      result,
      resultParts: parts,
      resultArtifacts: artifacts,
      message,
      spent,
      skillSchema: resultSchema,
    } = record;
    const sessionLane = record.session?.id ?? record.sessionId;
    const typed = {
      ...(result === undefined ? {} : { result }),
      ...(parts === undefined ? {} : { parts: [...parts] }),
      ...(artifacts === undefined ? {} : { artifacts: [...artifacts] }),
      ...(message === undefined ? {} : { message: message.slice(0, 4_000) }),
      ...(spent === undefined ? {} : { spent }),
      ...(resultSchema === undefined ? {} : { resultSchema }),
    };
    deps.sender.enqueue(tx, {
      to: record.peer,
      message: { type: "task.update", taskId, rev, state, ...typed },
      priority: record.priority,
      lane: taskId,
      ...(sessionLane === undefined ? {} : { sessionLane }),
      traceId: record.traceId,
      ref: taskId,
    });
  };

  /** One step: record, audit and the message to the asker in one transaction. A run that is at work is fenced unless `running` stays. */
  const step = (
    tx: Transaction,
    record: WorkerTask,
    move: Omit<TaskMove, "nowMs">,
    change: Partial<WorkerTask> = {},
    by = actor,
  ): WorkerTask => {
    const moved: WorkerTask = {
      ...moveTask(record, { ...move, nowMs: tx.now }),
      rev: record.rev + 1,
      running: false,
      answered: false,
      ...change,
    };
    if (record.running && !moved.running) tx.afterCommit(() => deps.onUnwanted(record.taskId, record.attempt));
    tell(tx, moved);
    auditTaskState(tx, moved, by);
    return save(tx, moved);
  };

  return {
    save,
    tell,
    step,

    /** The task. @throws GaggleError NOT_FOUND */
    must(tx: Transaction, taskId: string): WorkerTask {
      const record = readTask(tx, "worker", taskId);
      if (record === undefined) throw unknown();
      return record;
    },

    /** The task, where it came from this agent. @throws GaggleError NOT_FOUND */
    ofPeer(tx: Transaction, taskId: string, agentId: string): WorkerTask {
      const record = readTask(tx, "worker", taskId);
      if (record?.peer.agentId !== agentId) throw unknown();
      return record;
    },

    /** The task with the schema that its skill's recipe declares for it. */
    withSchema(record: WorkerTask): WorkerTask {
      const skillSchema = deps.skillOf(record.skill ?? "")?.resultSchema?.(record.context);
      return skillSchema === undefined ? record : { ...record, skillSchema };
    },

    /** Wakes the task when its next time comes. */
    planNext(tx: Transaction, record: WorkerTask): void {
      const at = isUnstarted(record) ? nextDue(record, tx.now) : undefined;
      if (at !== undefined) deps.due.plan(tx, at, record.taskId);
    },

    /** Ends what nobody has begun with in time. */
    expire: (tx: Transaction, record: WorkerTask): WorkerTask =>
      step(tx, record, { state: "FAILED", note: "not started in time", message: TOO_LATE }),
  };
}
/** The steps of tasks on the working side. */
export type TaskSteps = ReturnType<typeof createTaskSteps>;
