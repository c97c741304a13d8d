/**
 * The working side of tasks: take a request, let a person or a run do it, tell the asker. Sans-IO. Invariants: a task leaves a terminal state
 * never; every state told has its own `rev`; only the outcome of the newest attempt counts. Source: design, Durability; spec M8, M12.
 */
import type { SessionDeps } from "../ports.ts";
import { createAskerMessages } from "./asker-messages.ts";
import { createAttempts } from "./attempts.ts";
import { createNewTask, type NewTaskDeps } from "./new-task.ts";
import { createPersonActions } from "./person-actions.ts";
import { createRunPolicy } from "./run-policy.ts";
import { createTaskSteps, type TaskStepsDeps } from "./task-steps.ts";

/** What the working side needs. */
export interface WorkerDeps extends SessionDeps, TaskStepsDeps, Omit<NewTaskDeps, "mayRun"> {}

/** Makes the working side. */
export function createWorker(deps: WorkerDeps) {
  const mayRun = createRunPolicy(deps);
  const steps = createTaskSteps(deps);
  const newTask = createNewTask({ ...deps, mayRun });
  return {
    ...createAskerMessages({ ...deps, steps, newTask }),
    ...createPersonActions({ ...deps, steps }),
    ...createAttempts({ ...deps, steps, mayRun }),
  };
}
/** The working side of tasks. */
export type Worker = ReturnType<typeof createWorker>;
