/** The asking side of tasks: send, cancel, answer, and follow the worker's states. Sans-IO. Source: spec M3, M8; design, Durability. */
import type { AuditDraft } from "../contract/audit.ts";
import type { DaemonRequest } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import type { MessageOf, TaskState } from "../contract/message.ts";
import type { OutgoingMessage, PolicyDecision, Transaction } from "../contract/ports.ts";
import type { Changes } from "./changes.ts";
import { earlierId, rememberId } from "./once.ts";
import { policyDenied } from "./policy-denied.ts";
import type { CallContext, SessionDeps, SessionIncoming } from "./ports.ts";
import { indexSession } from "./session-index.ts";
import { type AskerTask, auditTaskState, isTerminal, moveTask, noteTask, readTask, taskKey } from "./task-record.ts";

type SendRequest = DaemonRequest<"task.send">;

const unknown = (): GaggleError => new GaggleError("NOT_FOUND", "No such task was asked for from here; check the task id.");

/** Makes the asking side. */
export function createAsker(deps: SessionDeps & { readonly changes: Changes }) {
  const actor: AuditDraft["actor"] = { type: "agent", id: deps.self.agentId, role: deps.self.role };

  const save = (tx: Transaction, record: AskerTask): AskerTask => {
    tx.put(taskKey("asker", record.taskId), JSON.stringify(record));
    deps.changes.changed(tx, [record.taskId, record.sessionId]);
    return record;
  };

  const must = (tx: Transaction, taskId: string): AskerTask => {
    const record = readTask(tx, "asker", taskId);
    if (record === undefined) throw unknown();
    return record;
  };

  const makeRecord = (tx: Transaction, request: SendRequest, call: CallContext): AskerTask => {
    const { target, sessionId, stepId } = request;
    return {
      v: 1,
      side: "asker",
      taskId: newUuid(tx.now, deps.random),
      peer: deps.resolve(target),
      state: "SUBMITTED",
      rev: 0,
      task: request.task,
      context: request.context,
      policyHints: request.policyHints,
      priority: request.priority,
      traceId: call.traceId,
      createdAt: tx.now,
      updatedAt: tx.now,
      history: [{ at: tx.now, state: "SUBMITTED" }],
      delivery: "queued",
      cancelRequested: false,
      answeredRev: 0,
      ...(target.skill === undefined ? {} : { skill: target.skill }),
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(stepId === undefined ? {} : { stepId }),
    };
  };

  const requestOf = (record: AskerTask, idempotencyKey: string): MessageOf<"task.request"> => {
    const { taskId, skill, task, context, policyHints, sessionId, stepId } = record;
    const origin = { ...(sessionId === undefined ? {} : { sessionId }), ...(stepId === undefined ? {} : { stepId }) };
    return {
      type: "task.request",
      taskId,
      task,
      context,
      policyHints,
      idempotencyKey,
      ...(skill === undefined ? {} : { skill }),
      ...origin,
    };
  };

  const messageFor = (record: AskerTask, message: OutgoingMessage["message"], decision?: PolicyDecision): OutgoingMessage => ({
    to: record.peer,
    message,
    priority: record.priority,
    lane: record.taskId,
    traceId: record.traceId,
    ref: record.taskId,
    ...(decision === undefined ? {} : { decision }),
  });

  const maySend = ({ peer, skill }: AskerTask): PolicyDecision => {
    const resource = skill === undefined ? {} : { resource: skill };
    return deps.policy.decide({ action: "task.send", principal: deps.self, targetRole: peer.role, ...resource });
  };

  const create = (tx: Transaction, request: SendRequest, call: CallContext): AskerTask | PolicyDecision => {
    // In which chat it is asked is no part of what is asked: a recipe that is run again asks the same in another one.
    const { idempotencyKey: key, sessionId: _, ...content } = request;
    const once = { verb: "task.send", key, content };
    const earlier = earlierId(tx, once);
    if (earlier !== undefined) return must(tx, earlier);
    const record = makeRecord(tx, request, call);
    const decision = maySend(record);
    const outgoing = messageFor(record, requestOf(record, key), decision);
    if (!decision.allowed) {
      deps.sender.auditDenied(tx, outgoing);
      return decision;
    }
    rememberId(tx, once, record.taskId);
    indexSession(tx, record.sessionId, "task", record.taskId);
    tx.audit({
      actor: call.actor,
      action: "task.create",
      target: `task:${record.taskId}`,
      result: "ok",
      details: { to: record.peer.agentId, toSubject: record.peer.subject, ...(record.skill === undefined ? {} : { skill: record.skill }) },
      traceId: record.traceId,
    });
    deps.sender.enqueue(tx, outgoing);
    return save(tx, record);
  };

  /** How a request that can't be delivered ends its task. */
  const endOf = (record: AskerTask, code: string): TaskState =>
    record.cancelRequested ? "CANCELED" : code === "POLICY_DENIED" ? "REJECTED" : "FAILED";

  return {
    /**
     * Sends a task, once per idempotency key; resolves when it is on the disk.
     * @throws GaggleError POLICY_DENIED, NO_ROUTE, CONFLICT (the key was used for another task), TOO_LARGE
     */
    async send(request: SendRequest, call: CallContext): Promise<AskerTask> {
      const made = await deps.queue.run((tx) => create(tx, request, call));
      if ("allowed" in made) throw policyDenied(made);
      return made;
    },

    /** Asks the worker to cancel; the worker's answer says which came first. @throws GaggleError NOT_FOUND */
    cancel: (request: { taskId: string; reason: string }): Promise<AskerTask> =>
      deps.queue.run(
        (tx) => {
          const record = must(tx, request.taskId);
          if (isTerminal(record) || record.cancelRequested) return record;
          deps.sender.enqueue(tx, messageFor(record, { type: "task.cancel", taskId: record.taskId, reason: request.reason }));
          return save(tx, { ...noteTask(record, tx.now, "cancel requested"), cancelRequested: true });
        },
        { finishing: true },
      ),

    /** Answers the worker's open question. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    answer: (request: { taskId: string; answer: string }): Promise<AskerTask> =>
      deps.queue.run((tx) => {
        const record = must(tx, request.taskId);
        if (record.state !== "INPUT_REQUIRED" || record.answeredRev === record.rev) {
          throw new GaggleError("STATE_CONFLICT", `The task is ${record.state} and waits for no answer; look at its status.`);
        }
        const { taskId, rev } = record;
        deps.sender.enqueue(tx, messageFor(record, { type: "task.answer", taskId, rev, answer: request.answer }));
        return save(tx, { ...noteTask(record, tx.now, "answered"), answeredRev: rev });
      }),

    /** A state of the worker's. Late ones and those of a finished task change nothing. */
    onUpdate(tx: Transaction, incoming: SessionIncoming, update: MessageOf<"task.update">): undefined {
      const record = readTask(tx, "asker", update.taskId);
      if (record?.peer.agentId !== incoming.from.agentId) throw unknown();
      if (isTerminal(record) || update.rev <= record.rev) return;
      const { state, result, message } = update;
      const step = { state, nowMs: tx.now, ...(result === undefined ? {} : { result }), ...(message === undefined ? {} : { message }) };
      const moved = save(tx, { ...moveTask(record, step), rev: update.rev, delivery: "stored" });
      auditTaskState(tx, moved, actor);
    },

    /** The worker's disk has the request. */
    onDelivered(tx: Transaction, taskId: string): void {
      const record = readTask(tx, "asker", taskId);
      if (record?.delivery === "queued") save(tx, { ...record, delivery: "stored" });
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
      const decision = maySend(record);
      if (!decision.allowed) return decision;
      const { message: _, ...kept } = noteTask({ ...record, state: "SUBMITTED" }, tx.now, "sent again by a person");
      auditTaskState(tx, save(tx, { ...kept, delivery: "queued" }), actor);
      return decision;
    },
  };
}
