/** What the agent that asked for a task says about it: request, cancel, answer. */
import { actorOf } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import { canonicalHash } from "../../contract/json.ts";
import type { MessageOf } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { SessionDeps, SessionIncoming } from "../ports.ts";
import { auditTaskState, isTerminal, noteTask, readTask, type WorkerTask } from "../task-record.ts";
import type { TaskSteps } from "./task-steps.ts";

/** What taking these messages needs. */
export interface AskerMessagesDeps extends Pick<SessionDeps, "openItems" | "self"> {
  readonly steps: Pick<TaskSteps, "ofPeer" | "planNext" | "save" | "step" | "tell">;
  newTask(tx: Transaction, incoming: SessionIncoming, request: MessageOf<"task.request">, requestHash: string): WorkerTask;
}

/** Makes the handlers. */
export function createAskerMessages(deps: AskerMessagesDeps) {
  const actor = actorOf(deps.self);
  const { ofPeer, planNext, save, step, tell } = deps.steps;

  return {
    /**
     * A new request. The same one again changes nothing: its asker took it for undelivered, has given up on it, and is told how it stands.
     * @throws GaggleError CONFLICT for the same id with other content
     */
    onRequest(tx: Transaction, incoming: SessionIncoming, request: MessageOf<"task.request">): undefined {
      const requestHash = canonicalHash(request);
      const known = readTask(tx, "worker", request.taskId);
      if (known === undefined) {
        const record = save(tx, deps.newTask(tx, incoming, request, requestHash));
        deps.openItems.opened(tx, "task", record.taskId, incoming);
        planNext(tx, record);
        auditTaskState(tx, record, actor);
      } else if (known.peer.agentId !== incoming.from.agentId || known.requestHash !== requestHash) {
        throw new GaggleError("CONFLICT", "Another task has this id already; send the task under a new id.");
      } else if (known.rev > 0) tell(tx, known);
    },

    /** Cancels unless the task has ended; either way the asker is told the state that won. */
    onCancel(tx: Transaction, incoming: SessionIncoming, cancel: MessageOf<"task.cancel">): undefined {
      const record = ofPeer(tx, cancel.taskId, incoming.from.agentId);
      if (isTerminal(record)) tell(tx, record);
      else step(tx, record, { state: "CANCELED", note: "canceled by the asker", message: cancel.reason });
    },

    /** The answer to the open question; to an older question it changes nothing. */
    onAnswer(tx: Transaction, incoming: SessionIncoming, answer: MessageOf<"task.answer">): undefined {
      const record = ofPeer(tx, answer.taskId, incoming.from.agentId);
      if (record.state !== "INPUT_REQUIRED" || record.rev !== answer.rev || record.answered) return;
      const answers = [...record.answers, { question: record.message ?? "", answer: answer.answer }];
      if (record.mode === "person") step(tx, record, { state: "WORKING", note: "answered by the asker" }, { answers });
      else save(tx, { ...noteTask(record, tx.now, "answered by the asker"), answers, answered: true });
    },
  };
}
