/** Methods that ask others: tasks, approvals, notifications, and how they stand. */
import { z } from "zod";
import { artifactRefs } from "../artifact.ts";
import { agentId, idempotencyKey, sha256, slug, subjectId, uuid } from "../ids.ts";
import { json, jsonObject } from "../json.ts";
import { MAX_QUORUM, STATUS_WAIT_MAX_MS } from "../limits.ts";
import { priority, taskState } from "../message.ts";
import { parts } from "../part.ts";
import { resultSchema } from "../result-shape.ts";
import { sessionView } from "../session.ts";
import { method } from "./method.ts";
import { target } from "./target.ts";
import { approvalView, taskView } from "./views.ts";

/** The methods that ask others: tasks, approvals, notifications, and how they stand. */
export const TASK_METHODS = {
  "task.send": method(
    z.strictObject({
      target,
      task: z.string().min(1).max(20_000),
      context: jsonObject.default({}),
      policyHints: jsonObject.default({}),
      priority: priority.default("P2"),
      /** Delivered at once; not started, nor shown as due, before then. At most 90 days ahead. */
      startAt: z.iso.datetime({ offset: true }).optional(),
      /** Undelivered or not started by then, it ends as FAILED. At most 14 days ahead. */
      expiresAt: z.iso.datetime({ offset: true }).optional(),
      sessionId: z.string().max(200).optional(),
      stepId: z.string().max(200).optional(),
      parts: parts.optional(),
      artifacts: artifactRefs.optional(),
      resultSchema: resultSchema.optional(),
      /** Id of a session with the receiver; the task refers to its shards, to all that the receiver may see or to those named. */
      inSession: uuid.optional(),
      shards: z.array(slug).max(64).optional(),
      idempotencyKey,
    }),
    z.strictObject({
      /** With fan-out, the group's. */
      taskId: uuid,
      agentId,
      state: taskState,
      /** With fan-out, the task of each who was asked. */
      children: z.array(z.strictObject({ taskId: uuid, agentId })).optional(),
    }),
  ),
  "task.cancel": method(z.strictObject({ taskId: uuid, reason: z.string().max(1_000).default("") }), taskView),
  "task.answer": method(z.strictObject({ taskId: uuid, answer: z.string().min(1).max(20_000) }), taskView),
  "approval.request": method(
    z.strictObject({
      target,
      payload: json,
      sessionId: z.string().max(200).optional(),
      stepId: z.string().min(1).max(200),
      /** So many different people have to approve (one where left out); of more than one everybody whom the target means is asked, and one no ends it. */
      quorum: z.int().min(1).max(MAX_QUORUM).optional(),
      /** From then on no decision counts, and it ends as EXPIRED. At most 90 days ahead. */
      deadline: z.iso.datetime({ offset: true }).optional(),
      /** Whether managers are asked, up the org chart, where those asked are away or take too long. Needs a deadline. */
      escalate: z.boolean().optional(),
      idempotencyKey,
    }),
    z.strictObject({
      approvalId: uuid,
      agentId,
      payloadHash: sha256,
      /** Everybody who was asked, where it is more than one. */
      asked: z.array(z.strictObject({ subject: subjectId, role: slug })).optional(),
    }),
  ),
  /** What the approver sees; the payload is also what its hash is made over. */
  "approval.open": method(z.strictObject({ approvalId: uuid }), approvalView),
  /** Takes a decision that was signed outside the daemon, where a person unlocked the approval key. */
  "approval.decide": method(z.strictObject({ approvalId: uuid, decision: z.string().max(4_096) }), approvalView),
  notify: method(
    z.strictObject({
      target,
      message: z.string().min(1).max(4_000),
      severity: z.enum(["info", "warning", "critical"]).default("info"),
      idempotencyKey,
    }),
    z.strictObject({ id: uuid, agentId, delivery: z.enum(["queued", "deposited", "stored"]) }),
  ),
  /** `id` is a task, an approval or a session. With `waitMs`, answers at the next change or when the time is up. */
  "status.fetch": method(
    z.strictObject({ id: z.string().min(1).max(200), waitMs: z.int().min(0).max(STATUS_WAIT_MAX_MS).default(0) }),
    z.discriminatedUnion("kind", [
      taskView,
      approvalView,
      z.strictObject({
        kind: z.literal("session"),
        sessionId: z.string(),
        /** Where it is one of several agents and not only a chat. */
        session: sessionView.optional(),
        tasks: z.array(taskView),
        approvals: z.array(approvalView),
      }),
    ]),
  ),
} as const;
