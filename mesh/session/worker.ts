/**
 * The working side of tasks: take a request, let a person or a run do it, tell the asker. Sans-IO. Invariants: a task leaves a terminal state
 * never; every state told has its own `rev`; only the outcome of the newest attempt counts. Source: design, Durability; spec M8, M12.
 */
import type { ArtifactRef } from "../contract/artifact.ts";
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { canonicalHash, type Json } from "../contract/json.ts";
import { formatUsd, parseUsd } from "../contract/money.ts";
import type { MessageOf } from "../contract/message.ts";
import type { Part } from "../contract/part.ts";
import type { Transaction } from "../contract/ports.ts";
import type { Spent } from "../contract/usage.ts";
import { missingApprovals } from "../enforcement/approvers.ts";
import type { Changes } from "./changes.ts";
import type { DueTimes } from "./due-times.ts";
import { indexItem } from "./inbox.ts";
import { indexSession } from "./session-index.ts";
import { clearProgress } from "./progress.ts";
import { assertReadable, assertSchema, assertTexts, misfitMessage, misfits } from "./results.ts";
import type { CallContext, RunnableSkill, RunOutcome, SessionDeps, SessionIncoming, TaskSessions } from "./ports.ts";
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
import { isTooLate, mayStart, nextDue } from "./task-times.ts";

/** What the working side needs. */
export interface WorkerDeps extends SessionDeps {
  readonly changes: Changes;
  readonly taskSessions: TaskSessions;
  /** The skill, where this agent's role has it as a recipe. */
  skillOf(id: string): RunnableSkill | undefined;
  /** There may be a task to run now. Called after the sync. */
  onRunnable(taskId: string, priority: WorkerTask["priority"]): void;
  /** Wakes tasks when their time has come. */
  readonly due: Pick<DueTimes, "plan">;
  /** An attempt is no longer wanted. Called after the sync. */
  onUnwanted(taskId: string, attempt: number): void;
}

/** Questions of one task's runs; beyond it two programs only talk to each other. */
const MAX_QUESTIONS = 10;

const INTERRUPTED = "The run was interrupted and its recipe may not be repeated unasked; a person there decides.";
const TOO_MANY_QUESTIONS = `The run asked back ${MAX_QUESTIONS} times and still has a question; send a task that says more.`;

/** States in which somebody has to say something first: the asker an answer, or a person here that it may go on. */
const WAITS: ReadonlySet<string> = new Set(["INPUT_REQUIRED", "AUTH_REQUIRED"]);

const addSpent = (before: Spent | undefined, cost: Spent | undefined): { spent?: Spent } => {
  if (cost === undefined) return before === undefined ? {} : { spent: before };
  const { tokens, usd } = before ?? { tokens: 0, usd: "0" };
  return { spent: { tokens: tokens + cost.tokens, usd: formatUsd(parseUsd(usd) + parseUsd(cost.usd)) } };
};

const unknown = (): GaggleError => new GaggleError("NOT_FOUND", "No such task came in here; check the task id.");

const TOO_LATE = "ENVELOPE_EXPIRED: It was not started before its time was over.";

/** True where nobody has begun with it. */
const isUnstarted = (record: WorkerTask): boolean => record.state === "SUBMITTED" && record.attempt === 0;

/** True where a run may start: it is for a run, its time has come, none is at work, and nothing is waited for. */
export const isRunnable = (record: WorkerTask, nowMs: number): boolean =>
  mayStart(record, nowMs) &&
  record.mode === "unattended" &&
  !record.running &&
  !record.interrupted &&
  (record.state === "SUBMITTED" || record.state === "WORKING" || (WAITS.has(record.state) && record.answered));

/** True where this agent's person has to do something. */
const waitsForPerson = (record: WorkerTask, nowMs: number): boolean =>
  !isTerminal(record) &&
  mayStart(record, nowMs) &&
  (record.interrupted || (record.mode === "person" && (record.state !== "INPUT_REQUIRED" || record.answered)));

/** What a result may have beside its one JSON value. */
interface ResultExtras {
  readonly parts?: readonly Part[] | undefined;
  readonly artifacts?: readonly ArtifactRef[] | undefined;
}

const recipeHashOf = (skill: RunnableSkill | undefined): string | undefined => {
  const hash = skill?.details["recipeSha256"];
  return typeof hash === "string" ? hash : undefined;
};

/** The recipe that policy has decided on; a bundle that comes before the run begins must not put another in its place. */
const decidedOn = (skill: RunnableSkill): { recipeSha256?: string } => {
  const recipeSha256 = recipeHashOf(skill);
  return recipeSha256 === undefined ? {} : { recipeSha256 };
};

/** Makes the working side. */
export function createWorker(deps: WorkerDeps) {
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

  const must = (tx: Transaction, taskId: string): WorkerTask => {
    const record = readTask(tx, "worker", taskId);
    if (record === undefined) throw unknown();
    return record;
  };

  const assertNotRunning = ({ running }: WorkerTask): void => {
    if (running) throw new GaggleError("STATE_CONFLICT", "A run is at work on this task; wait for it, or reject the task to stop it.");
  };

  /** Policy of running it without a person. An approval that it wants has come with the task, or a person here decides. */
  const mayRun = (record: Pick<WorkerTask, "skill" | "peer" | "dataClasses" | "approvers">, counts: boolean): boolean => {
    const { skill, peer, dataClasses, approvers = [] } = record;
    if (skill === undefined) return false;
    const recipeHash = recipeHashOf(deps.skillOf(skill));
    const context = {
      unattended: true,
      participants: [peer.subject, ...approvers.map(({ subject }) => subject)],
      ...(dataClasses === undefined ? {} : { dataClasses }),
      ...(recipeHash === undefined ? {} : { recipeHash }),
    };
    const question = {
      action: "task.run" as const,
      principal: peer,
      target: deps.self,
      targetRole: deps.self.role,
      resource: skill,
      context,
    };
    const decision = deps.policy.decide(question, { keeps: ["approval"], counts });
    return decision.allowed && missingApprovals(decision, approvers, peer.subject).length === 0;
  };

  const newRecord = (
    tx: Transaction,
    { from, traceId, priority, copy, dataClasses, approvers = [] }: SessionIncoming,
    request: MessageOf<"task.request">,
    requestHash: string,
  ): WorkerTask => {
    const { taskId, skill, task, context, policyHints, startAt, expiresAt, sessionId, stepId, parts, artifacts, resultSchema, session } =
      request;
    assertSchema(resultSchema);
    if (session !== undefined) deps.taskSessions.assertIn(tx, from, session, skill);
    indexSession(tx, session?.id, "task", taskId);
    const runnable = skill === undefined ? undefined : deps.skillOf(skill);
    const known = {
      ...(dataClasses === undefined ? {} : { dataClasses }),
      ...(approvers.length === 0 ? {} : { approvers }),
    };
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
      mode:
        copy !== true && runnable !== undefined && mayRun({ peer: from, ...known, ...(skill === undefined ? {} : { skill }) }, false)
          ? "unattended"
          : "person",
      restart: runnable?.restart ?? "ask",
      attempt: 0,
      running: false,
      interrupted: false,
      answered: false,
      answers: [],
      ...known,
      ...(startAt === undefined ? {} : { startAt }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(skill === undefined ? {} : { skill }),
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(stepId === undefined ? {} : { stepId }),
      ...(parts === undefined ? {} : { parts }),
      ...(artifacts === undefined ? {} : { artifacts }),
      ...(resultSchema === undefined ? {} : { resultSchema }),
      ...(session === undefined ? {} : { session }),
    };
  };

  /** With the schema that the skill's recipe declares for this task. */
  const withSchema = (record: WorkerTask): WorkerTask => {
    const skillSchema = deps.skillOf(record.skill ?? "")?.resultSchema?.(record.context);
    return skillSchema === undefined ? record : { ...record, skillSchema };
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

  const planNext = (tx: Transaction, record: WorkerTask): void => {
    const at = isUnstarted(record) ? nextDue(record, tx.now) : undefined;
    if (at !== undefined) deps.due.plan(tx, at, record.taskId);
  };

  const expire = (tx: Transaction, record: WorkerTask): WorkerTask =>
    step(tx, record, { state: "FAILED", note: "not started in time", message: TOO_LATE });

  /** What an outcome makes of its task: no result in another form than agreed, and no endless questions. */
  const moveOf = (record: WorkerTask, outcome: RunOutcome): Omit<TaskMove, "nowMs"> => {
    if (outcome.state !== "COMPLETED") {
      const isTooMuch = outcome.state === "INPUT_REQUIRED" && record.answers.length >= MAX_QUESTIONS;
      return isTooMuch ? { state: "FAILED", message: TOO_MANY_QUESTIONS } : { state: outcome.state, message: outcome.message };
    }
    const problems = misfits(record, outcome.result);
    return problems.length > 0 ? { state: "FAILED", message: misfitMessage(problems) } : { state: outcome.state, result: outcome.result };
  };

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
        deps.openItems.opened(tx, "task", record.taskId, incoming);
        planNext(tx, record);
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

    /** The person has opened the task: its asker is told, once. */
    read: (record: WorkerTask): Promise<void> =>
      deps.queue.run(
        (tx) => {
          const current = must(tx, record.taskId);
          if (current.readAt !== undefined || isTerminal(current)) return;
          const { taskId, peer, traceId } = current;
          deps.sender.enqueue(tx, { to: peer, message: { type: "task.read", taskId }, priority: "P3", lane: taskId, traceId, ref: taskId });
          save(tx, { ...noteTask(current, tx.now, "read"), readAt: tx.now });
        },
        { finishing: true },
      ),

    /** A task's time has come: to start, or to end where nobody has begun with it. */
    wake: (taskId: string, forget: (tx: Transaction) => void): Promise<void> =>
      deps.queue.run(
        (tx) => {
          forget(tx);
          const record = readTask(tx, "worker", taskId);
          if (record === undefined || !isUnstarted(record)) return;
          if (isTooLate(record, tx.now)) expire(tx, record);
          else planNext(tx, save(tx, record));
        },
        { finishing: true },
      ),

    /** The person takes a task; for an interrupted run: lets it start again. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    accept: (taskId: string, call: CallContext): Promise<WorkerTask> =>
      deps.queue.run((tx) => {
        const record = must(tx, taskId);
        assertNotRunning(record);
        if (isUnstarted(record) && isTooLate(record, tx.now))
          throw new GaggleError("STATE_CONFLICT", "The time that this task had is over; its asker is told so.");
        if (record.interrupted)
          return save(tx, { ...noteTask(record, tx.now, "a person lets it run again"), interrupted: false, answered: true });
        if (record.state !== "SUBMITTED" && !record.answered)
          throw new GaggleError("STATE_CONFLICT", `The task is ${record.state}; only a new one can be accepted.`);
        return step(tx, withSchema(record), { state: "WORKING", note: "accepted by a person" }, { mode: "person" }, call.actor);
      }),

    /** The person declines; a run that is at work is stopped. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    reject: (taskId: string, reason: string, call: CallContext): Promise<WorkerTask> =>
      deps.queue.run((tx) => step(tx, must(tx, taskId), { state: "REJECTED", message: reason }, { interrupted: false }, call.actor), {
        finishing: true,
      }),

    /**
     * The person gives the result.
     * @throws GaggleError NOT_FOUND, STATE_CONFLICT, TOO_LARGE, INVALID_INPUT for another form than the task's schemas say, GUARD_REFUSED
     */
    complete: (
      taskId: string,
      result: Json,
      call: CallContext,
      { parts: resultParts, artifacts: resultArtifacts }: ResultExtras = {},
    ): Promise<WorkerTask> =>
      deps.queue.run(
        (tx) => {
          const record = withSchema(must(tx, taskId));
          assertNotRunning(record);
          assertReadable(resultParts, deps.self, record.peer);
          assertTexts(resultArtifacts, deps.self, record.peer);
          const problems = isTerminal(record) ? [] : misfits(record, result);
          if (problems.length > 0) throw new GaggleError("INVALID_INPUT", misfitMessage(problems));
          const extras = {
            ...(resultParts === undefined ? {} : { resultParts }),
            ...(resultArtifacts === undefined ? {} : { resultArtifacts }),
          };
          const move = { state: "COMPLETED" as const, result, ...extras };
          return step(tx, record, move, { mode: "person", interrupted: false }, call.actor);
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
        if (record === undefined || !isRunnable(record, tx.now)) return undefined;
        if (isUnstarted(record) && isTooLate(record, tx.now)) {
          expire(tx, record);
          return undefined;
        }
        const skill = deps.skillOf(record.skill ?? "");
        if (skill === undefined || !mayRun(record, true)) {
          const note = "waits for a person: policy or profile no longer lets it run alone";
          save(tx, { ...noteTask(record, tx.now, note), mode: "person" });
          return undefined;
        }
        const attempt = record.attempt + 1;
        const started = step(
          tx,
          withSchema(record),
          { state: "WORKING", note: `attempt ${attempt}` },
          { attempt, running: true, restart: skill.restart, readAt: record.readAt ?? tx.now, ...decidedOn(skill) },
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
          if (counts) step(tx, { ...record, running: false, ...addSpent(record.spent, cost) }, moveOf(record, outcome));
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
          else step(tx, { ...record, running: false }, { state: "AUTH_REQUIRED", message: INTERRUPTED }, { interrupted: true });
        },
        { finishing: true },
      ),
  };
}
/** The working side of tasks. */
export type Worker = ReturnType<typeof createWorker>;
