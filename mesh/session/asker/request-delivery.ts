/** What the delivery of a request, an answer or a cancel means for its task. */
import { actorOf } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { MessageOf, TaskState } from "../../contract/message.ts";
import type { PolicyDecision, Transaction } from "../../contract/ports.ts";
import { withApprovals } from "../approval-gate.ts";
import type { SessionDeps } from "../ports.ts";
import { type AskerTask, auditTaskState, isTerminal, moveTask, noteTask, readTask } from "../task-record.ts";
import { isTooLate } from "../task-times.ts";
import type { AskerSteps } from "./asker-steps.ts";
import type { SendPolicy } from "./send-policy.ts";

/** What following a request needs. */
export interface RequestDeliveryDeps extends Pick<SessionDeps, "self"> {
  readonly steps: Pick<AskerSteps, "save">;
  readonly maySend: SendPolicy;
}

/** How a request that can't be delivered ends its task. */
const endOf = (record: AskerTask, code: string): TaskState =>
  record.cancelRequested ? "CANCELED" : code === "POLICY_DENIED" ? "REJECTED" : "FAILED";

/** Makes it. */
export function createRequestDelivery(deps: RequestDeliveryDeps) {
  const actor = actorOf(deps.self);
  const { maySend } = deps;
  const { save } = deps.steps;

  return {
    /** The request waits, sealed, on the bootstrap node. */
    onDeposited(tx: Transaction, taskId: string): void {
      const record = readTask(tx, "asker", taskId);
      if (record?.delivery === "queued") save(tx, { ...record, delivery: "deposited" });
    },

    /** The worker's disk has the request. */
    onDelivered(tx: Transaction, taskId: string): void {
      const record = readTask(tx, "asker", taskId);
      if (record?.delivery === "queued" || record?.delivery === "deposited") save(tx, { ...record, delivery: "stored" });
    },

    /** The request can't be delivered: the task ends here. An answer that can't be delivered may be given again. */
    onDead(
      tx: Transaction,
      message: MessageOf<"task.request" | "task.answer" | "task.cancel">,
      failure: { code: string; reason: string },
    ): void {
      const record = readTask(tx, "asker", message.taskId);
      if (record === undefined || isTerminal(record)) return;
      if (message.type === "task.answer") save(tx, { ...noteTask(record, tx.now, "the answer could not be delivered"), answeredRev: 0 });
      if (message.type !== "task.request" || record.delivery === "stored") return;
      const moved = moveTask(record, { state: endOf(record, failure.code), nowMs: tx.now, message: `${failure.code}: ${failure.reason}` });
      auditTaskState(tx, save(tx, { ...moved, delivery: "dead" }), actor);
    },

    /** The request was taken out before it was ever sent. */
    onWithdrawn(tx: Transaction, taskId: string): void {
      const record = readTask(tx, "asker", taskId);
      if (record === undefined || isTerminal(record)) return;
      const moved = moveTask(record, { state: "CANCELED", nowMs: tx.now, note: "withdrawn before it was sent" });
      auditTaskState(tx, save(tx, { ...moved, delivery: "dead" }), actor);
    },

    /**
     * A person sends a dead request again: the one way out of FAILED. A worker that has the task all the same tells its state. Policy is asked
     * again; what it denies stays as it is.
     * @throws GaggleError STATE_CONFLICT
     */
    onRetry(tx: Transaction, taskId: string): PolicyDecision {
      const record = readTask(tx, "asker", taskId);
      if (record?.state !== "FAILED" || record.delivery !== "dead") {
        throw new GaggleError("STATE_CONFLICT", "This task has ended for another reason than its delivery; send a new task instead.");
      }
      if (isTooLate(record, tx.now))
        throw new GaggleError("STATE_CONFLICT", "The time that this task had is over; send a new task instead.");
      const decision = withApprovals(record, maySend(record).decision);
      if (!decision.allowed) return decision;
      const { message: _, ...kept } = noteTask({ ...record, state: "SUBMITTED" }, tx.now, "sent again by a person");
      auditTaskState(tx, save(tx, { ...kept, delivery: "queued" }), actor);
      return decision;
    },
  };
}
