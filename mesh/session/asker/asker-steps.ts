/** How a task on the asking side changes: its record, its group, the word that it is called off. */
import { actorOf } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Transaction } from "../../contract/ports.ts";
import { createApprovalGate, isHeld } from "../approval-gate.ts";
import type { Approvals } from "../approvals/create-approvals.ts";
import type { Changes } from "../changes.ts";
import { settleGroup } from "../group.ts";
import type { SessionDeps } from "../ports.ts";
import { clearProgress } from "../progress.ts";
import { type AskerTask, auditTaskState, isTerminal, moveTask, noteTask, readTask, taskKey } from "../task-record.ts";
import type { SendPolicy } from "./send-policy.ts";
import { messageFor, outgoingFor, requestOf } from "./task-request.ts";

/** What changing a task needs. */
export interface AskerStepsDeps extends Pick<SessionDeps, "isRevoked" | "random" | "self" | "sender"> {
  readonly changes: Changes;
  /** Asks for approvals that policy wants before a task goes. */
  readonly approvals: Pick<Approvals, "ask" | "withdraw">;
  readonly maySend: SendPolicy;
}

/** No such task is known. */
export const unknownTask = (): GaggleError => new GaggleError("NOT_FOUND", "No such task was asked for from here; check the task id.");

/** Makes the steps. */
export function createAskerSteps(deps: AskerStepsDeps) {
  const save = (tx: Transaction, record: AskerTask): AskerTask => {
    tx.put(taskKey("asker", record.taskId), JSON.stringify(record));
    if (isTerminal(record)) clearProgress(tx, record);
    deps.changes.changed(tx, [record.taskId, record.sessionId, record.groupId, record.session?.id]);
    settleGroup(tx, record, (taskId, reason) => void callOff(tx, must(tx, taskId), reason));
    return record;
  };

  const must = (tx: Transaction, taskId: string): AskerTask => {
    const record = readTask(tx, "asker", taskId);
    if (record === undefined) throw unknownTask();
    return record;
  };

  const requestCancel = (tx: Transaction, record: AskerTask, reason: string): AskerTask => {
    if (record.cancelRequested) return record;
    deps.sender.enqueue(tx, messageFor(record, { type: "task.cancel", taskId: record.taskId, reason }));
    return { ...noteTask(record, tx.now, "cancel requested"), cancelRequested: true };
  };

  /**
   * Asks the worker to stop; it says which came first. What waits for its approval here has no worker yet. The word of one that is revoked is not believed
   * by anybody, so it is not waited for; it is told all the same, should it come back.
   */
  const callOff = (tx: Transaction, record: AskerTask, reason: string): AskerTask => {
    if (isTerminal(record)) return record;
    if (isHeld(record)) return gate.end(tx, record, { state: "CANCELED", note: "canceled before it was sent" });
    const requested = requestCancel(tx, record, reason);
    if (deps.isRevoked?.(record.peer) !== true) return requested === record ? record : save(tx, requested);
    const moved = moveTask(requested, { state: "CANCELED", nowMs: tx.now, note: "canceled here: its worker has been revoked" });
    auditTaskState(tx, moved, actorOf(deps.self));
    return save(tx, moved);
  };

  const gate = createApprovalGate({ ...deps, save, requestOf, outgoingFor });

  return { callOff, gate, must, save };
}
/** How a task on the asking side changes. */
export type AskerSteps = ReturnType<typeof createAskerSteps>;
