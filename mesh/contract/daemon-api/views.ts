/** What the daemon shows of tasks, approvals, messages and agents. */
import { z } from "zod";
import { artifactRefs } from "../artifact.ts";
import { principal } from "../identity.ts";
import { agentId, sha256, slug, subjectId, uuid } from "../ids.ts";
import { json, jsonObject } from "../json.ts";
import { priority, taskState } from "../message.ts";
import { parts } from "../part.ts";
import { taskSession } from "../session.ts";
import { spent } from "../usage.ts";

/** One line of a task's or approval's history. */
const historyEntry = z.strictObject({ at: z.iso.datetime(), state: z.string(), note: z.string().optional() });

/** Why an agent was chosen, and why others were not. */
const routeView = z.strictObject({
  because: z.string(),
  notChosen: z.array(z.strictObject({ agentId, subject: subjectId, because: z.string() })),
});

/** A task that was asked of several people: what became of each. */
const groupView = z.strictObject({
  mode: z.enum(["all", "any", "quorum"]),
  n: z.int().optional(),
  children: z.array(z.strictObject({ taskId: uuid, peer: principal, state: taskState, message: z.string().optional() })),
});

/** A task as either side sees it. `side` says whose view this is. */
export const taskView = z.strictObject({
  kind: z.literal("task"),
  taskId: uuid,
  side: z.enum(["asker", "worker"]),
  peer: principal,
  state: taskState,
  skill: slug.optional(),
  task: z.string(),
  context: jsonObject,
  /** Asker's side: `queued` until the receiver's disk has it, then `stored`; `deposited` while it waits, sealed, on the bootstrap node. */
  delivery: z.enum(["queued", "deposited", "stored", "dead"]).optional(),
  /** When the receiver's person opened it or a run began with it; at the asker, when it heard of that. */
  readAt: z.iso.datetime().optional(),
  /** Not before then; see `task.send`. */
  startAt: z.iso.datetime().optional(),
  /** Ended by then where it was not started; see `task.send`. */
  expiresAt: z.iso.datetime().optional(),
  result: json.optional(),
  message: z.string().optional(),
  /** More inputs, and more of the result. */
  parts: parts.optional(),
  resultParts: parts.optional(),
  /** Files that hang on the task, and on its result. */
  artifacts: artifactRefs.optional(),
  resultArtifacts: artifactRefs.optional(),
  /** JSON Schema that the result has to fit: the asker's, or the skill's. */
  resultSchema: jsonObject.optional(),
  /** The worker's newest word on how it goes; there while the task is open. */
  progress: z.strictObject({ seq: z.int(), note: z.string(), fraction: z.number().optional(), at: z.iso.datetime() }).optional(),
  /** What the runs used so far, where the worker told. */
  spent: spent.optional(),
  /** Asker's side: why it went to whom it went. */
  route: routeView.optional(),
  /** There where it was asked of several; `peer`, `result` and `state` are then those of all, or of the one that accepted first. */
  group: groupView.optional(),
  /** What was asked back and what the asker answered, oldest first. */
  answers: z.array(z.strictObject({ question: z.string(), answer: z.string() })).optional(),
  sessionId: z.string().optional(),
  /** The session of several agents that it belongs to, and the shards it is about. */
  session: taskSession.optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  history: z.array(historyEntry),
});
/** A task as either side sees it. */
export type TaskView = z.infer<typeof taskView>;

/**
 * State of an approval: `PENDING` until as many rostered keys as it needs have signed. `EXPIRED`: not in time. `ENDED`, at an approver: it was over
 * without their decision.
 */
export const approvalState = z.enum(["PENDING", "APPROVED", "REJECTED", "FAILED", "EXPIRED", "ENDED"]);

/** One who was asked for an approval, when and why, and what became of it. */
const askedApprover = z.strictObject({
  to: principal,
  at: z.iso.datetime(),
  because: z.string(),
  delivery: z.enum(["queued", "deposited", "stored", "dead"]),
  /** Their signed decision, verified before it is shown here; there once they have approved. */
  decision: z.string().optional(),
});

/** An approval as either side sees it. */
export const approvalView = z.strictObject({
  kind: z.literal("approval"),
  approvalId: uuid,
  side: z.enum(["requester", "approver"]),
  peer: principal,
  state: approvalState,
  payload: json,
  payloadHash: sha256,
  delivery: z.enum(["queued", "deposited", "stored", "dead"]).optional(),
  /** Compact JWS of the decision, verified against the roster before it is shown here. */
  decision: z.string().optional(),
  approver: z.strictObject({ subject: z.string(), role: slug }).optional(),
  reason: z.string().optional(),
  /** So many different people have to approve; there where it is more than one. */
  quorum: z.int().optional(),
  /** From then on no decision counts. */
  deadline: z.iso.datetime().optional(),
  /** Requester's side: managers are asked where those asked are away or take too long. */
  escalates: z.boolean().optional(),
  /** Requester's side: everybody who was asked, in that order. */
  asked: z.array(askedApprover).optional(),
  sessionId: z.string().optional(),
  stepId: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  history: z.array(historyEntry),
});
/** An approval as either side sees it. */
export type ApprovalView = z.infer<typeof approvalView>;

/** A message to a person, as received. */
const notificationView = z.strictObject({
  kind: z.literal("notification"),
  id: uuid,
  peer: principal,
  message: z.string(),
  severity: z.enum(["info", "warning", "critical"]),
  createdAt: z.iso.datetime(),
});

/** What waits in, or went through, the inbox. */
export const inboxItem = z.discriminatedUnion("kind", [taskView, approvalView, notificationView]);
/** What waits in, or went through, the inbox. */
export type InboxItem = z.infer<typeof inboxItem>;

/** A message that waits to be delivered, or that could not be. Never its content. */
export const outboxItem = z.strictObject({
  id: uuid,
  to: agentId,
  type: z.string(),
  priority,
  attempts: z.int(),
  createdAt: z.iso.datetime(),
  nextAttemptAt: z.iso.datetime().optional(),
  lastError: z.string().optional(),
  /** Since when it also waits, sealed, on the bootstrap node. */
  depositedAt: z.iso.datetime().optional(),
});
/** A message that waits to be delivered, or that could not be. */
export type OutboxItem = z.infer<typeof outboxItem>;

/** An agent of the organisation that this daemon knows. */
export const agentView = z.strictObject({
  ...principal.shape,
  title: z.string(),
  online: z.boolean(),
  self: z.boolean(),
  skills: z.array(z.strictObject({ id: slug, description: z.string() })),
  locale: z.string().optional(),
  /** When it was last connected, or signed its card. */
  lastSeenAt: z.iso.datetime().optional(),
  /** What it last said about its load; there while that is fresh. */
  load: z
    .strictObject({
      running: z.int(),
      queued: z.int(),
      concurrency: z.int(),
      busy: z.boolean(),
      guardUp: z.boolean(),
      acceptingUntil: z.int().optional(),
    })
    .optional(),
});
/** An agent of the organisation that this daemon knows. */
export type AgentView = z.infer<typeof agentView>;
