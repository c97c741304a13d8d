/** Runs of tasks without a person: begin, end, and take up after a restart. Invariant: only the outcome of the newest attempt counts. */
import { actorOf, type AuditDraft } from "../../contract/audit.ts";
import { formatUsd, parseUsd } from "../../contract/money.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { Spent } from "../../contract/usage.ts";
import type { RunnableSkill, RunOutcome, SessionDeps } from "../ports.ts";
import { misfitMessage, misfits } from "../results.ts";
import { noteTask, readTask, type TaskMove, type WorkerTask } from "../task-record.ts";
import { isTooLate } from "../task-times.ts";
import { isRunnable, isUnstarted } from "./readiness.ts";
import { decidedOn, type RunQuestion } from "./run-policy.ts";
import type { TaskSteps } from "./task-steps.ts";

/** What attempts need. */
export interface AttemptsDeps extends Pick<SessionDeps, "queue" | "self"> {
  readonly steps: Pick<TaskSteps, "expire" | "must" | "planNext" | "save" | "step" | "withSchema">;
  /** The skill, where this agent's role has it as a recipe. */
  skillOf(id: string): RunnableSkill | undefined;
  /** Whether it may run without a person. */
  mayRun(question: RunQuestion, counts: boolean): boolean;
}

/** Questions of one task's runs; beyond it two programs only talk to each other. */
const MAX_QUESTIONS = 10;

const INTERRUPTED = "The run was interrupted and its recipe may not be repeated unasked; a person there decides.";
const TOO_MANY_QUESTIONS = `The run asked back ${MAX_QUESTIONS} times and still has a question; send a task that says more.`;

const addSpent = (before: Spent | undefined, cost: Spent | undefined): { spent?: Spent } => {
  if (cost === undefined) return before === undefined ? {} : { spent: before };
  const { tokens, usd } = before ?? { tokens: 0, usd: "0" };
  return { spent: { tokens: tokens + cost.tokens, usd: formatUsd(parseUsd(usd) + parseUsd(cost.usd)) } };
};

/** What an outcome makes of its task: no result in another form than agreed, and no endless questions. */
const moveOf = (record: WorkerTask, outcome: RunOutcome): Omit<TaskMove, "nowMs"> => {
  if (outcome.state !== "COMPLETED") {
    const isTooMuch = outcome.state === "INPUT_REQUIRED" && record.answers.length >= MAX_QUESTIONS;
    return isTooMuch ? { state: "FAILED", message: TOO_MANY_QUESTIONS } : { state: outcome.state, message: outcome.message };
  }
  const problems = misfits(record, outcome.result);
  return problems.length > 0 ? { state: "FAILED", message: misfitMessage(problems) } : { state: outcome.state, result: outcome.result };
};

/** Makes them. */
export function createAttempts(deps: AttemptsDeps) {
  const actor = actorOf(deps.self);
  const { expire, must, planNext, save, step, withSchema } = deps.steps;

  const auditRun = (tx: Transaction, record: WorkerTask, action: "run.start" | "run.finish", outcome: Partial<AuditDraft>): void => {
    const { skill, attempt } = record;
    const details = { attempt, ...(skill === undefined ? {} : { skill }), ...outcome.details };
    tx.audit({ actor, action, target: `run:${record.taskId}`, result: "ok", traceId: record.traceId, ...outcome, details });
  };

  return {
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
        if (skill === undefined || !deps.mayRun(record, true)) {
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
