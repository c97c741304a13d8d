/** Runs accepted tasks without a person: the role's recipe in a fresh Goose, its outcome back to the task. Spec M12. */
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Executor, RunRequest } from "../executor/create-executor.ts";
import type { RunFile } from "../executor/run-files.ts";
import type { Runner, RunnableTask, RunOutcome } from "../session/ports.ts";

/** What the runner needs. */
export interface TaskRunnerDeps {
  /** The executor; thrown errors (no Goose on this machine) fail the attempt. */
  executor(): Executor | Promise<Executor>;
  bundle(): VerifiedBundle;
  /** Files of a task, once they are all here; left out, runs get none. @throws GaggleError where they don't come, or the run is ended meanwhile */
  filesOf?(task: RunnableTask, signal: AbortSignal): Promise<readonly RunFile[]>;
  /** Remembers which trace a task's run belongs to, before it starts. */
  began(task: RunnableTask): void;
  /** Reports the end of an attempt. */
  finish(taskId: string, attempt: number, outcome: RunOutcome): Promise<unknown>;
  onError(error: unknown): void;
}

/** A runner that can also end everything. */
export interface TaskRunner extends Runner {
  /** Ends all runs and waits until their outcomes are recorded. */
  close(): Promise<void>;
}

/** Makes the runner. */
export function createTaskRunner(deps: TaskRunnerDeps): TaskRunner {
  const attempts = new Map<string, AbortController>();
  const running = new Set<Promise<void>>();
  let closing = false;

  const attemptKey = (taskId: string, attempt: number): string => `${taskId}/${attempt}`;

  const requestOf = (task: RunnableTask, signal: AbortSignal): RunRequest => {
    const bundle = deps.bundle();
    const skill = bundle.profile.skills.find(({ id }) => id === task.skill);
    if (skill === undefined) throw new GaggleError("NOT_FOUND", "The role has no such skill any more. Ask for another, or ask a person.");
    const { taskId, context, asker, answers, parts, session, recipeSha256 } = task;
    if (recipeSha256 !== undefined && bundle.manifest.files[skill.recipe] !== recipeSha256)
      throw new GaggleError("STATE_CONFLICT", "The recipe changed after policy had let this run begin. Ask for the task again.");
    const from = { subject: asker.subject, role: asker.role };
    const inputs = {
      task: task.task,
      context,
      from,
      answers,
      ...(parts === undefined ? {} : { parts }),
      ...(session === undefined ? {} : { session }),
    };
    return { taskId, ...inputs, skill, recipeText: bundle.text(skill.recipe), signal };
  };

  const attempt = async (task: RunnableTask, signal: AbortSignal): Promise<RunOutcome> => {
    try {
      deps.began(task);
      const files = (await deps.filesOf?.(task, signal)) ?? [];
      const request = { ...requestOf(task, signal), ...(files.length === 0 ? {} : { files }) };
      const { result, question, turns, tokens, durationMs } = await (await deps.executor()).run(request);
      const end =
        question === undefined ? { state: "COMPLETED" as const, result } : { state: "INPUT_REQUIRED" as const, message: question };
      return { ...end, details: { turns, durationMs }, cost: { tokens, usd: "0" } };
    } catch (error) {
      if (!(error instanceof GaggleError)) deps.onError(error);
      return {
        state: "FAILED",
        message: error instanceof GaggleError ? error.message : "The run failed; the daemon's log has the cause.",
        details: { code: errorCode(error) },
      };
    }
  };

  const run = async (task: RunnableTask): Promise<void> => {
    const key = attemptKey(task.taskId, task.attempt);
    const controller = new AbortController();
    attempts.set(key, controller);
    const outcome = await attempt(task, controller.signal);
    attempts.delete(key);
    // A run that this daemon itself cut short is taken up by the next one: recording it as failed would end the task.
    if (closing && outcome.state === "FAILED") return;
    await deps.finish(task.taskId, task.attempt, outcome);
  };

  return {
    start(task) {
      const settled: Promise<void> = run(task)
        .catch(deps.onError)
        .finally(() => running.delete(settled));
      running.add(settled);
    },
    stop: (taskId, attempt) => attempts.get(attemptKey(taskId, attempt))?.abort(),
    async close() {
      closing = true;
      for (const controller of attempts.values()) controller.abort();
      await Promise.all(running);
    },
  };
}
