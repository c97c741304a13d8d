/** The record of a task that has just come in. */
import type { MessageOf } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { RunnableSkill, SessionIncoming, TaskSessions } from "../ports.ts";
import { assertSchema } from "../results.ts";
import { indexSession } from "../session-index.ts";
import { taskExtras } from "../task-extras.ts";
import type { WorkerTask } from "../task-record.ts";
import type { RunQuestion } from "./run-policy.ts";

/** What making a task's record needs. */
export interface NewTaskDeps {
  readonly taskSessions: Pick<TaskSessions, "assertIn">;
  /** The skill, where this agent's role has it as a recipe. */
  skillOf(id: string): RunnableSkill | undefined;
  /** Whether it may run without a person. */
  mayRun(question: RunQuestion, counts: boolean): boolean;
}

/** Makes records. @throws GaggleError INVALID_INPUT for a schema that can't be checked; what the session's owner does not let in */
export function createNewTask(deps: NewTaskDeps) {
  return (
    tx: Transaction,
    { from, traceId, priority, copy, dataClasses, approvers = [] }: SessionIncoming,
    request: MessageOf<"task.request">,
    requestHash: string,
  ): WorkerTask => {
    const { taskId, skill, task, context, policyHints, startAt, expiresAt, resultSchema, session } = request;
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
        copy !== true && runnable !== undefined && deps.mayRun({ peer: from, ...known, ...(skill === undefined ? {} : { skill }) }, false)
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
      ...taskExtras(request),
    };
  };
}
