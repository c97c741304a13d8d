/** Sends a task, to one agent or to several as a group, once per idempotency key. */
import type { DaemonRequest, Fanout } from "../../contract/daemon-api.ts";
import type { Principal } from "../../contract/identity.ts";
import { newUuid } from "../../contract/ids.ts";
import type { PolicyDecision, Transaction } from "../../contract/ports.ts";
import { wantedApprovals } from "../../enforcement/approvers.ts";
import { assertFanout, childrenOf, readGroup, saveGroup } from "../group.ts";
import { earlierId, rememberId } from "../once.ts";
import { policyDenied } from "../policy-denied.ts";
import type { CallContext, SessionDeps, TargetRoute } from "../ports.ts";
import { isOpenTarget } from "../reroute.ts";
import { assertReadable, assertSchema, assertTexts } from "../results.ts";
import { auditRoute, noteOf, routeOf } from "../route.ts";
import { indexSession } from "../session-index.ts";
import type { AskerTask } from "../task-record.ts";
import type { AskerSteps } from "./asker-steps.ts";
import type { NewTask } from "./new-task.ts";
import type { SendPolicy } from "./send-policy.ts";
import { outgoingFor } from "./task-request.ts";

type SendRequest = DaemonRequest<"task.send">;

/** What was sent: one task, or the tasks of a group under the group's id. */
export interface Sent {
  readonly id: string;
  readonly tasks: readonly AskerTask[];
}

/** What sending needs. */
export interface SendTaskDeps extends Pick<SessionDeps, "random" | "resolve" | "route" | "self" | "sender"> {
  readonly steps: Pick<AskerSteps, "gate" | "must" | "save">;
  readonly maySend: SendPolicy;
  readonly newTask: NewTask;
}

/** Makes it: what was sent, or the decision by which policy denies it. */
export function createSendTask(deps: SendTaskDeps) {
  const { maySend, newTask } = deps;
  const { gate, must, save } = deps.steps;

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
      details: {
        to: record.peer.agentId,
        toSubject: record.peer.subject,
        ...(record.skill === undefined ? {} : { skill: record.skill }),
        ...(record.groupId === undefined ? {} : { group: record.groupId }),
      },
      traceId: record.traceId,
    });
    const wanted = wantedApprovals(decision);
    if (wanted.length > 0) return gate.hold(tx, record, { wanted, key, call });
    deps.sender.enqueue(tx, outgoing);
    return save(tx, record);
  };

  const isOneOf = ({ agentId }: Principal, asked: readonly AskerTask[]): boolean => asked.some(({ peer }) => peer.agentId === agentId);

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
      const sent = sendTo(tx, { ...newTask(tx, request, call, principal), groupId }, request.idempotencyKey, call);
      // The router left out whom policy denies, so this is a bundle that came this very moment.
      if ("allowed" in sent) throw policyDenied(sent);
      made.push(sent);
    }
    const { task, context, sessionId, target } = request;
    const note = noteOf({ ...route, notChosen: route.notChosen.filter(({ principal }) => !isOneOf(principal, made)) });
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

  return (tx: Transaction, request: SendRequest, call: CallContext): Sent | PolicyDecision => {
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
    const record = sendTo(tx, { ...newTask(tx, request, call, route.to), route: note, ...wanted }, key, call);
    if ("allowed" in record) return record;
    rememberId(tx, once, record.taskId);
    indexSession(tx, sessionId, "task", record.taskId);
    auditRoute(tx, { id: record.taskId, target, chosen: [record.peer], note }, call);
    return { id: record.taskId, tasks: [record] };
  };
}
