/**
 * Stands in for Goose where thousands of tasks run: a run has effects in the outside world, one a step, each under the idempotency key task and step. The
 * outside world is a folder in which a file can be made once; every asking is logged too.
 */
import { appendFileSync, closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskRunner } from "../../mesh/agent/task-runner.ts";
import { systemCode } from "../../mesh/contract/errors.ts";
import type { RunnableTask, RunOutcome } from "../../mesh/session/ports.ts";

/** Log of what was asked of the outside world, one line each. */
export const ASKED_LOG = "asked.log";

/** Makes the runner. `dir`: the outside world. */
export const createStandInRunner =
  ({ dir }: { dir: string }) =>
  (finish: (taskId: string, attempt: number, outcome: RunOutcome) => Promise<unknown>): TaskRunner => {
    const stopped = new Set<string>();
    const keyOf = (taskId: string, attempt: number): string => `${taskId}/${attempt}`;

    const perform = (taskId: string, step: number): void => {
      const key = `${taskId}.${step}`;
      appendFileSync(join(dir, ASKED_LOG), `${key}\n`);
      try {
        closeSync(openSync(join(dir, key), "wx"));
      } catch (error) {
        if (systemCode(error) !== "EEXIST") throw error;
      }
    };

    const run = async ({ taskId, attempt, context }: RunnableTask): Promise<RunOutcome> => {
      const steps = Number(context["steps"] ?? 1);
      for (let step = 1; step <= steps; step++) {
        await sleep(Number(context["stepMs"] ?? 0));
        if (stopped.delete(keyOf(taskId, attempt))) return { state: "FAILED", message: "It was stopped." };
        perform(taskId, step);
      }
      return { state: "COMPLETED", result: { taskId, attempt, steps } };
    };

    return {
      start: (task) =>
        // A failed report is a failed store: the daemon ends, and the next one begins the run again.
        void run(task)
          .then((outcome) => finish(task.taskId, task.attempt, outcome))
          .catch(() => undefined),
      stop: (taskId, attempt) => void stopped.add(keyOf(taskId, attempt)),
      close: () => Promise.resolve(),
    };
  };
