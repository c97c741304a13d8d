/** The asking side of tasks: send, cancel, answer, and follow the worker's states. Sans-IO. Source: spec M3, M8; design, Durability. */
import { actorOf } from "../contract/audit.ts";
import type { DaemonRequest, Fanout } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import type { Principal } from "../contract/identity.ts";
import { type MessageOf, type TaskState, TERMINAL_STATES } from "../contract/message.ts";
import type { OutgoingMessage, PolicyDecision, PolicyQuestion, Transaction } from "../contract/ports.ts";
import { approvalRoles } from "../enforcement/approvers.ts";
import { type AskedPolicy, createApprovalGate, isHeld, withApprovals } from "./approval-gate.ts";
import type { ApprovalRecord } from "./approval-record.ts";
import type { Approvals } from "./approvals/create-approvals.ts";
import type { Changes } from "./changes.ts";
import { assertFanout, childrenOf, type GroupRecord, readGroup, saveGroup, settleGroup } from "./group.ts";
import { earlierId, rememberId } from "./once.ts";
import { policyDenied } from "./policy-denied.ts";
import type { CallContext, SessionDeps, SessionIncoming, TargetRoute, TaskSessions } from "./ports.ts";
import { clearProgress } from "./progress.ts";
import { createReroute, isOpenTarget } from "./reroute.ts";
import { auditRoute, noteOf, routeOf } from "./route.ts";
import { assertReadable, assertSchema, assertTexts, misfitMessage, misfits } from "./results.ts";
import { indexSession } from "./session-index.ts";
import { isTooLate, timesOf } from "./task-times.ts";
import { type AskerTask, auditTaskState, isTerminal, moveTask, noteTask, readTask, type TaskMove, taskKey } from "./task-record.ts";

type SendRequest = DaemonRequest<"task.send">;

const unknown = (): GaggleError => new GaggleError("NOT_FOUND", "No such task was asked for from here; check the task id.");

/** States from which it follows that somebody there has looked at the task. */
const READ_STATES: ReadonlySet<TaskState> = new Set(["WORKING", "INPUT_REQUIRED", "COMPLETED"]);

const readBy = (record: AskerTask, state: TaskState, nowMs: number): Pick<AskerTask, "readAt"> =>
  record.readAt === undefined && READ_STATES.has(state) ? { readAt: nowMs } : {};

/** The first device of a person that begins with a task has it from then on. */
const claimed = (record: AskerTask | undefined, from: Principal): AskerTask | undefined =>
  record?.rev === 0 && record.peer.subject === from.subject && record.peer.role === from.role ? { ...record, peer: from } : record;

/** What was sent: one task, or the tasks of a group under the group's id. */
export interface Sent {
  readonly id: string;
  readonly tasks: readonly AskerTask[];
}

/** What the asking side needs. */
export interface AskerDeps extends SessionDeps {
  readonly taskSessions: TaskSessions;
  readonly changes: Changes;
  /** Asks for approvals that policy wants before a task goes. */
  readonly approvals: Pick<Approvals, "ask">;
  onError(error: unknown): void;
}

/** Makes the asking side. */
export function createAsker(deps: AskerDeps) {
  const actor = actorOf(deps.self);

  const save = (tx: Transaction, record: AskerTask): AskerTask => {
    tx.put(taskKey("asker", record.taskId), JSON.stringify(record));
    if (isTerminal(record)) clearProgress(tx, record);
    deps.changes.changed(tx, [record.taskId, record.sessionId, record.groupId, record.session?.id]);
    settleGroup(tx, record, (taskId, reason) => void callOff(tx, must(tx, taskId), reason));
    return record;
  };

  const must = (tx: Transaction, taskId: string): AskerTask => {
    const record = readTask(tx, "asker", taskId);
    if (record === undefined) throw unknown();
    return record;
  };

  /** Asks the worker to stop; it says which came first. What waits for its approval here has no worker yet. */
  const callOff = (tx: Transaction, record: AskerTask, reason: string): AskerTask => {
    if (isTerminal(record) || record.cancelRequested) return record;
    if (isHeld(record)) return gate.end(tx, record, { state: "CANCELED", note: "canceled before it was sent" });
    deps.sender.enqueue(tx, messageFor(record, { type: "task.cancel", taskId: record.taskId, reason }));
    return save(tx, { ...noteTask(record, tx.now, "cancel requested"), cancelRequested: true });
  };

  const makeRecord = (tx: Transaction, request: SendRequest, call: CallContext, peer: Principal): AskerTask => {
    const { target, sessionId, stepId, parts, artifacts, resultSchema, inSession, shards } = request;
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
      ...(target.skill === undefined ? {} : { skill: target.skill }),
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(stepId === undefined ? {} : { stepId }),
      ...(parts === undefined ? {} : { parts }),
      ...(artifacts === undefined ? {} : { artifacts }),
      ...(resultSchema === undefined ? {} : { resultSchema }),
      ...(session === undefined ? {} : { session }),
      ...(call.unattended === true ? { unattended: true } : {}),
    };
  };

  const requestOf = (record: AskerTask, idempotencyKey: string): MessageOf<"task.request"> => {
    const { taskId, skill, task, context, policyHints, startAt, expiresAt, sessionId, stepId, parts, artifacts, resultSchema, session } =
      record;
    const signed = (record.approvals ?? []).flatMap(({ approvalId, decision }) =>
      decision === undefined ? [] : [{ approvalId, decision }],
    );
    const times = { ...(startAt === undefined ? {} : { startAt }), ...(expiresAt === undefined ? {} : { expiresAt }) };
    const origin = { ...(sessionId === undefined ? {} : { sessionId }), ...(stepId === undefined ? {} : { stepId }) };
    return {
      type: "task.request",
      taskId,
      task,
      context,
      policyHints,
      idempotencyKey,
      ...(skill === undefined ? {} : { skill }),
      ...(parts === undefined ? {} : { parts: [...parts] }),
      ...(artifacts === undefined ? {} : { artifacts: [...artifacts] }),
      ...(resultSchema === undefined ? {} : { resultSchema }),
      ...(session === undefined ? {} : { session }),
      ...(signed.length === 0 ? {} : { approvals: signed }),
      ...times,
      ...origin,
    };
  };

  const messageFor = (record: AskerTask, message: OutgoingMessage["message"], asked: Partial<AskedPolicy> = {}): OutgoingMessage => ({
    to: record.peer,
    message,
    priority: record.priority,
    lane: record.taskId,
    traceId: record.traceId,
    ref: record.taskId,
    ...asked,
  });

  /** @param counts false where the same task was counted before */
  const maySend = ({ peer, skill, unattended = false, approvals = [] }: AskerTask, counts = true): AskedPolicy => {
    const question: PolicyQuestion = {
      action: "task.send",
      principal: deps.self,
      target: peer,
      targetRole: peer.role,
      ...(skill === undefined ? {} : { resource: skill }),
      context: { unattended, participants: [deps.self.subject, ...approvals.flatMap(({ subject }) => subject ?? [])] },
    };
    return {
      question,
      decision: deps.policy.decide(question, { keeps: deps.masks === true ? ["mask", "approval"] : ["approval"], counts }),
    };
  };

  /** The request as it goes to the outbox. */
  const outgoingFor = (record: AskerTask, key: string, asked: AskedPolicy): OutgoingMessage => {
    const { sessionId, session, expiresAt } = record;
    const sessionLane = session?.id ?? sessionId;
    return {
      ...messageFor(record, requestOf(record, key), asked),
      ...(sessionLane === undefined ? {} : { sessionLane }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(record.wanted === undefined || record.approvals !== undefined ? {} : { movable: true }),
    };
  };

  const gate = createApprovalGate({ ...deps, save, requestOf, outgoingFor, maySend });

  /** Sends one task to one agent; where policy denies it, that is recorded and nothing is sent. */
  const sendTo = (tx: Transaction, record: AskerTask, key: string, call: CallContext): AskerTask | PolicyDecision => {
    assertReadable(record.parts, deps.self, record.peer);
    assertTexts(record.artifacts, deps.self, record.peer);
    const asked = maySend(record);
    const { decision } = asked;
    indexSession(tx, record.session?.id, "task", record.taskId);
    const outgoing = outgoingFor(record, key, asked);
    if (!decision.allowed) {
      deps.sender.auditDenied(tx, outgoing);
      return decision;
    }
    tx.audit({
      actor: call.actor,
      action: "task.create",
      target: `task:${record.taskId}`,
      result: "ok",
      details: { to: record.peer.agentId, toSubject: record.peer.subject, ...(record.skill === undefined ? {} : { skill: record.skill }) },
      traceId: record.traceId,
    });
    const roles = approvalRoles(decision);
    if (roles.length > 0) return gate.hold(tx, record, { roles, key, call });
    deps.sender.enqueue(tx, outgoing);
    return save(tx, record);
  };

  /** Asks everybody whom the target means; the tasks and their group are one batch. */
  const createGroup = (
    tx: Transaction,
    request: SendRequest,
    call: CallContext,
    route: TargetRoute,
    fanout: Fanout,
  ): Sent | PolicyDecision => {
    const { mode, n } = fanout;
    assertFanout(fanout, route.ranked.length);
    const groupId = newUuid(tx.now, deps.random);
    const made: AskerTask[] = [];
    for (const { principal } of route.ranked) {
      const sent = sendTo(tx, { ...makeRecord(tx, request, call, principal), groupId }, request.idempotencyKey, call);
      // The router left out whom policy denies, so this is a bundle that came this very moment.
      if ("allowed" in sent) throw policyDenied(sent);
      made.push(sent);
    }
    const { task, context, sessionId, target } = request;
    const note = noteOf(route);
    saveGroup(tx, {
      v: 1,
      groupId,
      mode: mode === "one" ? "all" : mode,
      task,
      context,
      route: note,
      children: made.map(({ taskId }) => taskId),
      cancelRequested: false,
      createdAt: tx.now,
      ...(n === undefined ? {} : { n }),
      ...(target.skill === undefined ? {} : { skill: target.skill }),
      ...(sessionId === undefined ? {} : { sessionId }),
    });
    auditRoute(tx, { id: groupId, target, chosen: made.map(({ peer }) => peer), note }, call);
    return { id: groupId, tasks: made };
  };

  const sentBefore = (tx: Transaction, id: string): Sent => {
    const group = readGroup(tx, id);
    return { id, tasks: group === undefined ? [must(tx, id)] : childrenOf(tx, group) };
  };

  const create = (tx: Transaction, request: SendRequest, call: CallContext): Sent | PolicyDecision => {
    // In which chat it is asked is no part of what is asked: a recipe that is run again asks the same in another one.
    const { idempotencyKey: key, sessionId: _, ...content } = request;
    const once = { verb: "task.send", key, content };
    const earlier = earlierId(tx, once);
    if (earlier !== undefined) return sentBefore(tx, earlier);
    assertSchema(request.resultSchema);
    const { target, sessionId } = request;
    const route = routeOf(deps, target);
    const fanout = target.fanout?.mode === "one" ? undefined : target.fanout;
    if (fanout !== undefined && route.ranked.length > 0) {
      const group = createGroup(tx, request, call, route, fanout);
      if ("allowed" in group) return group;
      rememberId(tx, once, group.id);
      indexSession(tx, sessionId, "task", group.id);
      return group;
    }
    const note = noteOf(route);
    const wanted = isOpenTarget(target) && request.inSession === undefined ? { wanted: target } : {};
    const record = sendTo(tx, { ...makeRecord(tx, request, call, route.to), route: note, ...wanted }, key, call);
    if ("allowed" in record) return record;
    rememberId(tx, once, record.taskId);
    indexSession(tx, sessionId, "task", record.taskId);
    auditRoute(tx, { id: record.taskId, target, chosen: [record.peer], note }, call);
    return { id: record.taskId, tasks: [record] };
  };

  const callOffGroup = (tx: Transaction, group: GroupRecord, reason: string): AskerTask[] => {
    saveGroup(tx, { ...group, cancelRequested: true });
    return childrenOf(tx, group).map((child) => callOff(tx, must(tx, child.taskId), reason));
  };

  /** The worker's step; a result in another form than agreed ends the task as FAILED here, whatever the worker says. */
  const stepOf = (record: AskerTask, update: MessageOf<"task.update">, nowMs: number): TaskMove => {
    const { state, result, message, parts, artifacts } = update;
    const problems = state === "COMPLETED" && result !== undefined ? misfits(record, result, deps.isMasked) : [];
    if (problems.length > 0) return { state: "FAILED", nowMs, message: misfitMessage(problems) };
    return {
      state,
      nowMs,
      ...(result === undefined ? {} : { result }),
      ...(parts === undefined ? {} : { resultParts: parts }),
      ...(artifacts === undefined ? {} : { resultArtifacts: artifacts }),
      ...(message === undefined ? {} : { message }),
    };
  };

  /** Another device of the person got a copy and works on it too, although one has the task: it is told to leave it. */
  const leaveToOther = (tx: Transaction, record: AskerTask, to: Principal, { taskId, state }: MessageOf<"task.update">): undefined => {
    if (TERMINAL_STATES.has(state)) return;
    const reason = "Another device of this person works on it.";
    deps.sender.enqueue(tx, { ...messageFor(record, { type: "task.cancel", taskId, reason }), to, lane: `${taskId} ${to.agentId}` });
  };

  const reroute = createReroute({
    ...deps,
    takeBack: (tx, message) => deps.sender.takeBack?.(tx, message),
    enqueue: (tx, outgoing) => void deps.sender.enqueue(tx, outgoing),
    save,
    outgoingFor,
    maySend,
  });

  /** How a request that can't be delivered ends its task. */
  const endOf = (record: AskerTask, code: string): TaskState =>
    record.cancelRequested ? "CANCELED" : code === "POLICY_DENIED" ? "REJECTED" : "FAILED";

  return {
    /**
     * Sends a task, once per idempotency key; resolves when it is on the disk.
     * @throws GaggleError POLICY_DENIED, NO_ROUTE, CONFLICT (the key was used for another task), TOO_LARGE
     */
    async send(request: SendRequest, call: CallContext): Promise<Sent> {
      const made = await deps.queue.run((tx) => create(tx, request, call));
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

    /** Answers the worker's open question. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    answer: (request: { taskId: string; answer: string }): Promise<AskerTask> =>
      deps.queue.run((tx) => {
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
      }),

    /** A state of the worker's. Late ones and those of a finished task change nothing. */
    onUpdate(tx: Transaction, incoming: SessionIncoming, update: MessageOf<"task.update">): undefined {
      const record = claimed(readTask(tx, "asker", update.taskId), incoming.from);
      if (record?.peer.subject !== incoming.from.subject) throw unknown();
      if (record.peer.agentId !== incoming.from.agentId) return leaveToOther(tx, record, incoming.from, update);
      if (isTerminal(record) || update.rev <= record.rev) return;
      const { state, rev, spent } = update;
      const skillSchema = record.skillSchema ?? update.resultSchema;
      const told = { ...record, ...(spent === undefined ? {} : { spent }), ...(skillSchema === undefined ? {} : { skillSchema }) };
      const moved = save(tx, {
        ...moveTask(told, stepOf(told, update, tx.now)),
        rev,
        delivery: "stored",
        ...readBy(record, state, tx.now),
      });
      auditTaskState(tx, moved, actor);
    },

    /** An approval was decided, or can't be: the task that waits for it goes, or ends. */
    onApproval: (tx: Transaction, approval: ApprovalRecord): void => gate.onApproval(tx, approval),

    /** The worker's person has opened the task. */
    onRead(tx: Transaction, incoming: SessionIncoming, { taskId }: MessageOf<"task.read">): undefined {
      const record = readTask(tx, "asker", taskId);
      if (record?.peer.agentId !== incoming.from.agentId) throw unknown();
      if (record.readAt === undefined) save(tx, { ...noteTask(record, tx.now, "read"), delivery: "stored", readAt: tx.now });
    },

    /** The request waits, sealed, on the bootstrap node. */
    onDeposited(tx: Transaction, taskId: string): void {
      const record = readTask(tx, "asker", taskId);
      if (record?.delivery === "queued") save(tx, { ...record, delivery: "deposited" });
    },

    /** Requests that wait, whose recipients can't be reached: another may be asked. */
    onUnreached: reroute.onUnreached,
    /** Gives nothing to another any more. */
    stop: reroute.stop,

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
