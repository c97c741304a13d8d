/** What this agent's person does with a task that came in: read, accept, reject, complete, ask back. */
import type { ArtifactRef } from "../../contract/artifact.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Json } from "../../contract/json.ts";
import type { Part } from "../../contract/part.ts";
import type { CallContext, SessionDeps } from "../ports.ts";
import { assertReadable, assertTexts, misfitMessage, misfits } from "../results.ts";
import { isTerminal, noteTask, type WorkerTask } from "../task-record.ts";
import { isTooLate } from "../task-times.ts";
import { isUnstarted } from "./readiness.ts";
import type { TaskSteps } from "./task-steps.ts";

/** What a person's actions need. */
export interface PersonActionsDeps extends Pick<SessionDeps, "queue" | "self" | "sender"> {
  readonly steps: Pick<TaskSteps, "must" | "save" | "step" | "withSchema">;
}

/** What a result may have beside its one JSON value. */
interface ResultExtras {
  readonly parts?: readonly Part[] | undefined;
  readonly artifacts?: readonly ArtifactRef[] | undefined;
}

const assertNotRunning = ({ running }: WorkerTask): void => {
  if (running) throw new GaggleError("STATE_CONFLICT", "A run is at work on this task; wait for it, or reject the task to stop it.");
};

/** Makes the actions. */
export function createPersonActions(deps: PersonActionsDeps) {
  const { must, save, step, withSchema } = deps.steps;

  return {
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
      deps.queue.run(
        (tx) => {
          const record = must(tx, taskId);
          assertNotRunning(record);
          return step(tx, record, { state: "INPUT_REQUIRED", message: question }, { mode: "person", interrupted: false }, call.actor);
        },
        { finishing: true },
      ),
  };
}
