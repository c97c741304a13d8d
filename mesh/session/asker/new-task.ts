/** The record of a task that is about to be sent. */
import type { DaemonRequest } from "../../contract/daemon-api.ts";
import { newUuid } from "../../contract/ids.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { CallContext, SessionDeps, TaskSessions } from "../ports.ts";
import { taskExtras } from "../task-extras.ts";
import type { AskerTask } from "../task-record.ts";
import { timesOf } from "../task-times.ts";

/** What making a task's record needs. */
export interface NewTaskDeps extends Pick<SessionDeps, "random"> {
  readonly taskSessions: Pick<TaskSessions, "refer">;
}

/** Makes records for one worker each. */
export function createNewTask(deps: NewTaskDeps) {
  return (tx: Transaction, request: DaemonRequest<"task.send">, call: CallContext, peer: Principal): AskerTask => {
    const { target, inSession, shards } = request;
    const session =
      inSession === undefined ? undefined : deps.taskSessions.refer(tx, { sessionId: inSession, to: peer, skill: target.skill, shards });
    return {
      v: 1,
      side: "asker",
      taskId: newUuid(tx.now, deps.random),
      peer,
      state: "SUBMITTED",
      rev: 0,
      task: request.task,
      context: request.context,
      policyHints: request.policyHints,
      priority: request.priority,
      ...timesOf(request, tx.now),
      traceId: call.traceId,
      createdAt: tx.now,
      updatedAt: tx.now,
      history: [{ at: tx.now, state: "SUBMITTED" }],
      delivery: "queued",
      cancelRequested: false,
      answeredRev: 0,
      ...taskExtras({ ...request, skill: target.skill, session }),
      ...(call.unattended === true ? { unattended: true } : {}),
    };
  };
}
/** Makes the record of a task. */
export type NewTask = ReturnType<typeof createNewTask>;
