/**
 * The working side of tasks: take a request, let a person or a run do it, tell the asker. Sans-IO. Invariants: a task leaves a terminal state
 * never; every state told has its own `rev`; only the outcome of the newest attempt counts. Source: design, Durability; spec M8, M12.
 */
import type { AuditDraft } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { canonicalHash, type Json } from "../contract/json.ts";
import type { MessageOf } from "../contract/message.ts";
import type { Transaction } from "../contract/ports.ts";
import type { Changes } from "./changes.ts";
import { indexItem } from "./inbox.ts";
import type { CallContext, RunnableSkill, RunOutcome, SessionDeps, SessionIncoming } from "./ports.ts";
import {
  auditTaskState,
  isTerminal,
  moveTask,
  noteTask,
  readTask,
  runKey,
  type TaskMove,
  taskKey,
  type WorkerTask,
} from "./task-record.ts";

/** What the working side needs. */
export interface WorkerDeps extends SessionDeps {
  readonly changes: Changes;
  /** The skill, where this agent's role has it as a recipe. */
  skillOf(id: string): RunnableSkill | undefined;
  /** There may be a task to run now. Called after the sync. */
  onRunnable(taskId: string): void;
  /** An attempt is no longer wanted. Called after the sync. */
  onUnwanted(taskId: string, attempt: number): void;
}

const INTERRUPTED = "The run was interrupted and its recipe may not be repeated unasked; a person there decides.";

const unknown = (): GaggleError => new GaggleError("NOT_FOUND", "No such task came in here; check the task id.");

/** True where a run may start: it is for a run, none is at work, and nothing is waited for. */
export const isRunnable = (record: WorkerTask): boolean =>
  record.mode === "unattended" &&
  !record.running &&
  !record.interrupted &&
  (record.state === "SUBMITTED" || record.state === "WORKING" || (record.state === "INPUT_REQUIRED" && record.answered));

/** True where this agent's person has to do something. */
const waitsForPerson = (record: WorkerTask): boolean =>
  !isTerminal(record) && (record.interrupted || (record.mode === "person" && (record.state !== "INPUT_REQUIRED" || record.answered)));

/** Makes the working side. */
export function createWorker(deps: WorkerDeps) {
  const actor: AuditDraft["actor"] = { type: "agent", id: deps.self.agentId, role: deps.self.role };

  const save = (tx: Transaction, record: WorkerTask): WorkerTask => {
    const { taskId } = record;
    tx.put(taskKey("worker", taskId), JSON.stringify(record));
    indexItem(tx, { kind: "task", id: taskId, createdAt: record.createdAt }, waitsForPerson(record));
    if (record.running || isRunnable(record)) tx.put(runKey(taskId), "");
    else tx.del(runKey(taskId));
    if (isRunnable(record)) tx.afterCommit(() => deps.onRunnable(taskId));
    deps.changes.changed(tx, [taskId, record.sessionId]);
    return record;
  };

  const tell = (tx: Transaction, record: WorkerTask): void => {
    const { taskId, rev, state, result, message } = record;
    const typed = { ...(result === undefined ? {} : { result }), ...(message === undefined ? {} : { message: message.slice(0, 4_000) }) };
    deps.sender.enqueue(tx, {
      to: record.peer,
      message: { type: "task.update", taskId, rev, state, ...typed },
      priority: record.priority,
      lane: taskId,
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

  const must = (tx: Transaction, taskId: string): WorkerTask => {
    const record = readTask(tx, "worker", taskId);
    if (record === undefined) throw unknown();
    return record;
  };

  const assertNotRunning = ({ running }: WorkerTask): void => {
    if (running) throw new GaggleError("STATE_CONFLICT", "A run is at work on this task; wait for it, or reject the task to stop it.");
  };

  const mayRun = (record: Pick<WorkerTask, "skill" | "peer">): boolean =>
    record.skill !== undefined &&
    deps.policy.decide({ action: "task.run", principal: record.peer, targetRole: deps.self.role, resource: record.skill }).allowed;

  const newRecord = (
    tx: Transaction,
    { from, traceId, priority }: SessionIncoming,
    request: MessageOf<"task.request">,
    requestHash: string,
  ): WorkerTask => {
    const { taskId, skill, task, context, policyHints, sessionId, stepId } = request;
    const runnable = skill === undefined ? undefined : deps.skillOf(skill);
    return {
      v: 1,
      side: "worker",
      taskId,
      peer: from,
      state: "SUBMITTED",
      rev: 0,
      task,
      context,
      policyHints,
      priority,
      traceId,
      createdAt: tx.now,
      updatedAt: tx.now,
      history: [{ at: tx.now, state: "SUBMITTED" }],
      requestHash,
      mode: runnable !== undefined && mayRun({ peer: from, ...(skill === undefined ? {} : { skill }) }) ? "unattended" : "person",
      restart: runnable?.restart ?? "ask",
      attempt: 0,
      running: false,
      interrupted: false,
      answered: false,
      answers: [],
      ...(skill === undefined ? {} : { skill }),
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(stepId === undefined ? {} : { stepId }),
    };
  };

  const ofPeer = (tx: Transaction, taskId: string, { from }: SessionIncoming): WorkerTask => {
    const record = readTask(tx, "worker", taskId);
    if (record?.peer.agentId !== from.agentId) throw unknown();
    return record;
  };

  const auditRun = (tx: Transaction, record: WorkerTask, action: "run.start" | "run.finish", outcome: Partial<AuditDraft>): void => {
    const { skill, attempt } = record;
    const details = { attempt, ...(skill === undefined ? {} : { skill }), ...outcome.details };
    tx.audit({ actor, action, target: `run:${record.taskId}`, result: "ok", traceId: record.traceId, ...outcome, details });
  };

  const moveOf = (outcome: RunOutcome): Omit<TaskMove, "nowMs"> =>
    outcome.state === "COMPLETED" ? { state: outcome.state, result: outcome.result } : { state: outcome.state, message: outcome.message };

  return {
    /**
     * A new request. The same one again changes nothing: its asker took it for undelivered, has given up on it, and is told how it stands.
     * @throws GaggleError CONFLICT for the same id with other content
     */
    onRequest(tx: Transaction, incoming: SessionIncoming, request: MessageOf<"task.request">): undefined {
      const requestHash = canonicalHash(request);
      const known = readTask(tx, "worker", request.taskId);
      if (known === undefined) {
        const record = save(tx, newRecord(tx, incoming, request, requestHash));
        auditTaskState(tx, record, actor);
      } else if (known.peer.agentId !== incoming.from.agentId || known.requestHash !== requestHash) {
        throw new GaggleError("CONFLICT", "Another task has this id already; send the task under a new id.");
      } else if (known.rev > 0) tell(tx, known);
    },

    /** Cancels unless the task has ended; either way the asker is told the state that won. */
    onCancel(tx: Transaction, incoming: SessionIncoming, cancel: MessageOf<"task.cancel">): undefined {
      const record = ofPeer(tx, cancel.taskId, incoming);
      if (isTerminal(record)) tell(tx, record);
      else step(tx, record, { state: "CANCELED", note: "canceled by the asker", message: cancel.reason });
    },

    /** The answer to the open question; to an older question it changes nothing. */
    onAnswer(tx: Transaction, incoming: SessionIncoming, answer: MessageOf<"task.answer">): undefined {
      const record = ofPeer(tx, answer.taskId, incoming);
      if (record.state !== "INPUT_REQUIRED" || record.rev !== answer.rev || record.answered) return;
      const answers = [...record.answers, { question: record.message ?? "", answer: answer.answer }];
      if (record.mode === "person") step(tx, record, { state: "WORKING", note: "answered by the asker" }, { answers });
      else save(tx, { ...noteTask(record, tx.now, "answered by the asker"), answers, answered: true });
    },

    /** The person takes a task; for an interrupted run: lets it start again. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    accept: (taskId: string, call: CallContext): Promise<WorkerTask> =>
      deps.queue.run((tx) => {
        const record = must(tx, taskId);
        assertNotRunning(record);
        if (record.interrupted)
          return save(tx, { ...noteTask(record, tx.now, "a person lets it run again"), interrupted: false, answered: true });
        if (record.state !== "SUBMITTED" && !record.answered)
          throw new GaggleError("STATE_CONFLICT", `The task is ${record.state}; only a new one can be accepted.`);
        return step(tx, record, { state: "WORKING", note: "accepted by a person" }, { mode: "person" }, call.actor);
      }),

    /** The person declines; a run that is at work is stopped. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    reject: (taskId: string, reason: string, call: CallContext): Promise<WorkerTask> =>
      deps.queue.run((tx) => step(tx, must(tx, taskId), { state: "REJECTED", message: reason }, { interrupted: false }, call.actor), {
        finishing: true,
      }),

    /** The person gives the result. @throws GaggleError NOT_FOUND, STATE_CONFLICT, TOO_LARGE */
    complete: (taskId: string, result: Json, call: CallContext): Promise<WorkerTask> =>
      deps.queue.run(
        (tx) => {
          const record = must(tx, taskId);
          assertNotRunning(record);
          return step(tx, record, { state: "COMPLETED", result }, { mode: "person", interrupted: false }, call.actor);
        },
        { finishing: true },
      ),

    /** The person asks back. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    ask: (taskId: string, question: string, call: CallContext): Promise<WorkerTask> =>
      deps.queue.run((tx) => {
        const record = must(tx, taskId);
        assertNotRunning(record);
        return step(tx, record, { state: "INPUT_REQUIRED", message: question }, { mode: "person", interrupted: false }, call.actor);
      }),

    /** Begins the next attempt, durably; undefined where there is nothing to run. Policy is asked again, since the task may have waited. */
    beginAttempt: (taskId: string): Promise<WorkerTask | undefined> =>
      deps.queue.run((tx) => {
        const record = readTask(tx, "worker", taskId);
        if (record === undefined || !isRunnable(record)) return undefined;
        const skill = deps.skillOf(record.skill ?? "");
        if (skill === undefined || !mayRun(record)) {
          const note = "waits for a person: policy or profile no longer lets it run alone";
          save(tx, { ...noteTask(record, tx.now, note), mode: "person" });
          return undefined;
        }
        const attempt = record.attempt + 1;
        const started = step(
          tx,
          record,
          { state: "WORKING", note: `attempt ${attempt}` },
          { attempt, running: true, restart: skill.restart },
        );
        auditRun(tx, started, "run.start", { details: { ...skill.details } });
        return started;
      }),

    /** The end of an attempt; false where it was fenced and does not count. */
    finishAttempt: (taskId: string, attempt: number, outcome: RunOutcome): Promise<boolean> =>
      deps.queue.run(
        (tx) => {
          const record = must(tx, taskId);
          const counts = record.running && record.attempt === attempt;
          const { cost, redactions } = outcome;
          auditRun(tx, { ...record, attempt }, "run.finish", {
            result: counts && outcome.state !== "FAILED" ? "ok" : "failed",
            details: { ...outcome.details, state: outcome.state, fenced: !counts },
            ...(cost === undefined ? {} : { cost }),
            ...(redactions === undefined ? {} : { redactions: [...redactions] }),
          });
          // It has ended by itself, so nobody has to stop it.
          if (counts) step(tx, { ...record, running: false }, moveOf(outcome));
          return counts;
        },
        { finishing: true },
      ),

    /** After a restart of the daemon: a run that was at work is begun again where that is safe, else a person decides. */
    recover: (taskId: string): Promise<void> =>
      deps.queue.run(
        (tx) => {
          const record = readTask(tx, "worker", taskId);
          if (record === undefined) return;
          if (!record.running) save(tx, record);
          else if (record.restart === "safe")
            save(tx, { ...noteTask(record, tx.now, "the run was cut off; it is repeated"), running: false });
          else step(tx, { ...record, running: false }, { state: "INPUT_REQUIRED", message: INTERRUPTED }, { interrupted: true });
        },
        { finishing: true },
      ),
  };
}
/** The working side of tasks. */
export type Worker = ReturnType<typeof createWorker>;
