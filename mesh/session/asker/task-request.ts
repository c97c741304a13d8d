/** What the worker is told of a task: its request as a message, and what goes to the outbox. Pure. */
import type { MessageOf } from "../../contract/message.ts";
import type { OutgoingMessage } from "../../contract/ports.ts";
import type { AskedPolicy } from "../approval-gate.ts";
import { type AskerTask, signedOf } from "../task-record.ts";

/** The request, with the approvals that were signed for it. */
export const requestOf = (record: AskerTask, idempotencyKey: string): MessageOf<"task.request"> => {
  const { taskId, skill, task, context, policyHints, startAt, expiresAt, sessionId, stepId, parts, artifacts, resultSchema, session } =
    record;
  const signed = (record.approvals ?? []).flatMap((one) => signedOf(one).map(({ decision }) => ({ approvalId: one.approvalId, decision })));
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

/** A message about a task to its worker. */
export const messageFor = (record: AskerTask, message: OutgoingMessage["message"], asked: Partial<AskedPolicy> = {}): OutgoingMessage => ({
  to: record.peer,
  message,
  priority: record.priority,
  lane: record.taskId,
  traceId: record.traceId,
  ref: record.taskId,
  ...asked,
});

/** The request as it goes to the outbox. */
export const outgoingFor = (record: AskerTask, key: string, asked: AskedPolicy): OutgoingMessage => {
  const { sessionId, session, expiresAt } = record;
  const sessionLane = session?.id ?? sessionId;
  return {
    ...messageFor(record, requestOf(record, key), asked),
    ...(sessionLane === undefined ? {} : { sessionLane }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(record.wanted === undefined || record.approvals !== undefined ? {} : { movable: true }),
  };
};
