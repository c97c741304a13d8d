/** The asking side of tasks: send, cancel, answer, and follow the worker's states. Sans-IO. Source: spec M3, M8; design, Durability. */
import type { DaemonRequest } from "../../contract/daemon-api.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Transaction } from "../../contract/ports.ts";
import { childrenOf, type GroupRecord, readGroup, saveGroup } from "../group.ts";
import { policyDenied } from "../policy-denied.ts";
import type { CallContext, SessionDeps } from "../ports.ts";
import { createReroute } from "../reroute.ts";
import { type AskerTask, noteTask } from "../task-record.ts";
import { type AskerStepsDeps, createAskerSteps } from "./asker-steps.ts";
import { createNewTask, type NewTaskDeps } from "./new-task.ts";
import { createRequestDelivery } from "./request-delivery.ts";
import { createSendPolicy } from "./send-policy.ts";
import { createSendTask, type Sent } from "./send-task.ts";
import { messageFor, outgoingFor } from "./task-request.ts";
import { createWorkerMessages } from "./worker-messages.ts";

/** What the asking side needs. */
export interface AskerDeps extends SessionDeps, NewTaskDeps, Omit<AskerStepsDeps, "maySend"> {
  onError(error: unknown): void;
}

/** Makes the asking side. */
export function createAsker(deps: AskerDeps) {
  const maySend = createSendPolicy(deps);
  const steps = createAskerSteps({ ...deps, maySend });
  const { callOff, gate, must, save } = steps;
  const sendTask = createSendTask({ ...deps, steps, maySend, newTask: createNewTask(deps) });
  const reroute = createReroute({
    ...deps,
    takeBack: (tx, message) => deps.sender.takeBack?.(tx, message),
    enqueue: (tx, outgoing) => void deps.sender.enqueue(tx, outgoing),
    save,
    outgoingFor,
    maySend,
  });

  const callOffGroup = (tx: Transaction, group: GroupRecord, reason: string): AskerTask[] => {
    saveGroup(tx, { ...group, cancelRequested: true });
    return childrenOf(tx, group).map((child) => callOff(tx, must(tx, child.taskId), reason));
  };

  return {
    /**
     * Sends a task, once per idempotency key; resolves when it is on the disk.
     * @throws GaggleError POLICY_DENIED, NO_ROUTE, CONFLICT (the key was used for another task), TOO_LARGE
     */
    async send(request: DaemonRequest<"task.send">, call: CallContext): Promise<Sent> {
      const made = await deps.queue.run((tx) => sendTask(tx, request, call));
      if ("allowed" in made) throw policyDenied(made);
      return made;
    },

    /** Asks the worker to cancel; the worker's answer says which came first. @throws GaggleError NOT_FOUND */
    cancel: ({ taskId, reason }: { taskId: string; reason: string }): Promise<AskerTask[]> =>
      deps.queue.run(
        (tx) => {
          const group = readGroup(tx, taskId);
          return group === undefined ? [callOff(tx, must(tx, taskId), reason)] : callOffGroup(tx, group, reason);
        },
        { finishing: true },
      ),

    /** Answers the worker's open question, which lets running work end. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    answer: (request: { taskId: string; answer: string }): Promise<AskerTask> =>
      deps.queue.run(
        (tx) => {
          const record = must(tx, request.taskId);
          if (record.state !== "INPUT_REQUIRED" || record.answeredRev === record.rev) {
            throw new GaggleError("STATE_CONFLICT", `The task is ${record.state} and waits for no answer; look at its status.`);
          }
          const { taskId, rev } = record;
          deps.sender.enqueue(tx, messageFor(record, { type: "task.answer", taskId, rev, answer: request.answer }));
          const answers = [
            ...(record.answers ?? []).filter((one) => one.rev !== rev),
            { rev, question: record.message ?? "", answer: request.answer },
          ];
          return save(tx, { ...noteTask(record, tx.now, "answered"), answeredRev: rev, answers });
        },
        { finishing: true },
      ),

    ...createWorkerMessages({ ...deps, steps }),
    ...createRequestDelivery({ ...deps, steps, maySend }),
    /** An approval was decided, or can't be: the task that waits for it goes, or ends. */
    onApproval: gate.onApproval,
    /** Requests that wait, whose recipients can't be reached: another may be asked. */
    onUnreached: reroute.onUnreached,
    /** Gives nothing to another any more. */
    stop: reroute.stop,
  };
}
