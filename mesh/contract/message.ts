/** Envelopes and the messages in them. Source: design, Trust, Envelope; spec M3, M4, M8, M10. */
import { z } from "zod";
import { agentId, idempotencyKey, orgId, sha256, slug, uuid } from "./ids.ts";
import { json, jsonObject } from "./json.ts";
import { MAX_QUORUM } from "./limits.ts";
import { artifactRefs, fileValues, MAX_ARTIFACTS } from "./artifact.ts";
import { parts } from "./part.ts";
import { resultSchema } from "./result-shape.ts";
import { SESSION_MESSAGES, taskSession } from "./session.ts";
import { type TaskState, taskState } from "./task-state.ts";
import { spent } from "./usage.ts";

export { type TaskState, taskState };

/** States that a task never leaves. */
export const TERMINAL_STATES: ReadonlySet<TaskState> = new Set(["COMPLETED", "FAILED", "CANCELED", "REJECTED"]);

/** P0 is sent first. */
export const priority = z.enum(["P0", "P1", "P2", "P3"]);
/** P0 is sent first. */
export type Priority = z.infer<typeof priority>;

/** Where a task came from: the session and step that asked. */
const origin = { sessionId: z.string().max(200).optional(), stepId: z.string().max(200).optional() };

/** How an approval ends for those who were asked. */
const APPROVAL_ENDS = ["APPROVED", "REJECTED", "EXPIRED", "FAILED"] as const;

/** Longest texts on the wire, in characters: a masked text may be longer than what the daemon's API takes. */
const WIRE_TEXT = 40_000;
const WIRE_MESSAGE = 8_000;
/** Longest note on progress on the wire, in characters. */
const WIRE_NOTE = 1_000;

/** Asks an agent to do something. `skill` names a recipe of the receiver's role; without it a person decides. */
const taskRequest = z.strictObject({
  type: z.literal("task.request"),
  taskId: uuid,
  skill: slug.optional(),
  task: z.string().max(WIRE_TEXT),
  context: jsonObject,
  policyHints: jsonObject,
  idempotencyKey,
  /** Not to be started, nor shown as due, before then; milliseconds since the epoch. */
  startAt: z.int().min(0).optional(),
  /** Where it has not been started by then, it has FAILED; milliseconds since the epoch. */
  expiresAt: z.int().min(0).optional(),
  ...origin,
  /** Files that hang on it; they are fetched by their hashes. */
  artifacts: artifactRefs.optional(),
  /** More inputs, as A2A's parts; `task` and `context` stand for a text and a data part before them. */
  parts: parts.optional(),
  /** The session it belongs to, and the shards it is about, as far as the receiver may see them. */
  session: taskSession.optional(),
  /** JSON Schema that the asker wants the result to fit. */
  resultSchema: resultSchema.optional(),
  /** Signed approvals of exactly this task, where policy wants them; each a decision as in `approval.decision`. */
  approvals: z
    .array(z.strictObject({ approvalId: uuid, decision: z.string().max(4_096) }))
    .max(8)
    .optional(),
});

/** Tells the asker that the receiver's person has opened the task. */
const taskRead = z.strictObject({ type: z.literal("task.read"), taskId: uuid });

/** Tells the asker of a task about a new state; `rev` counts the receiver's states from 1, so that late ones are dropped. */
const taskUpdate = z.strictObject({
  type: z.literal("task.update"),
  taskId: uuid,
  rev: z.int().min(1),
  state: taskState,
  /** Typed result of a completed task. */
  result: json.optional(),
  /** Why it failed or was rejected, or the question of INPUT_REQUIRED. */
  message: z.string().max(WIRE_MESSAGE).optional(),
  /** Files of the result; they are fetched by their hashes. */
  artifacts: artifactRefs.optional(),
  /** More of the result, as A2A's parts. */
  parts: parts.optional(),
  /** JSON Schema that the skill's signed recipe declares for its result; told before there is one. */
  resultSchema: resultSchema.optional(),
  /** What the runs of this task have used so far. */
  spent: spent.optional(),
});

/** How a task at work goes. Lossy: only the newest is sent, and late ones are dropped by `seq`. */
const taskProgress = z.strictObject({
  type: z.literal("task.progress"),
  taskId: uuid,
  seq: z.int().min(1),
  note: z.string().max(WIRE_NOTE),
  /** Part of the work that is done, 0 to 1. */
  fraction: z.number().min(0).max(1).optional(),
});

/** The asker's answer to INPUT_REQUIRED. */
const taskAnswer = z.strictObject({ type: z.literal("task.answer"), taskId: uuid, rev: z.int().min(1), answer: z.string().max(WIRE_TEXT) });

/** The asker no longer wants the task. The receiver answers with the state that won. */
const taskCancel = z.strictObject({ type: z.literal("task.cancel"), taskId: uuid, reason: z.string().max(WIRE_MESSAGE) });

/** Asks a person for a signed decision on exactly this payload. */
const approvalRequest = z.strictObject({
  type: z.literal("approval.request"),
  approvalId: uuid,
  payload: json,
  payloadHash: sha256,
  idempotencyKey,
  ...origin,
  /** So many different people have to approve; one where left out. */
  quorum: z.int().min(2).max(MAX_QUORUM).optional(),
  /** From then on no decision counts; milliseconds since the epoch. The decision has to name it too. */
  deadline: z.int().min(0).optional(),
});

/** A decision: a compact JWS by a rostered approval key over {@link approvalStatement}. */
const approvalDecision = z.strictObject({ type: z.literal("approval.decision"), approvalId: uuid, decision: z.string().max(4_096) });

/** Tells somebody who was asked for an approval that it is over: no decision counts any more. */
const approvalEnd = z.strictObject({
  type: z.literal("approval.end"),
  approvalId: uuid,
  state: z.enum(APPROVAL_ENDS),
  /** It was called off by whoever asked; FAILED alone may also be for want of people. */
  calledOff: z.literal(true).optional(),
});

/** Says something to a person; no answer is expected. */
const notification = z.strictObject({
  type: z.literal("notification"),
  message: z.string().max(WIRE_MESSAGE),
  severity: z.enum(["info", "warning", "critical"]),
});

/** A steward's daemon hands out the tenant's newest key for pseudonyms, sealed to the receiver's key (compact JWE). */
const pseudonymKey = z.strictObject({ type: z.literal("pseudonym.key"), epoch: z.int().min(1), sealed: z.string().max(4_096) });

/** What became of an envelope that was fetched from the mailbox: the recipient's receipt, since nobody waited on a connection for it. */
const mailReceipt = z.strictObject({
  type: z.literal("mail.receipt"),
  envelopeId: uuid,
  status: z.enum(["stored", "refused"]),
  /** Why it was refused. */
  code: z.string().max(40).optional(),
  reason: z.string().max(500).optional(),
});

/** Any message between two agents. */
export const message = z.discriminatedUnion("type", [
  taskRequest,
  taskUpdate,
  taskProgress,
  taskAnswer,
  taskCancel,
  taskRead,
  approvalRequest,
  approvalDecision,
  approvalEnd,
  notification,
  pseudonymKey,
  mailReceipt,
  ...SESSION_MESSAGES,
]);
/** Any message between two agents. */
export type Message = z.infer<typeof message>;
/** A message of one type. */
export type MessageOf<T extends Message["type"]> = Extract<Message, { type: T }>;

/**
 * What an approver signs (compact JWS, EdDSA, `typ` "gaggle-approval+jws", `kid` the key's thumbprint).
 * `payloadHash` is SHA-256 over the RFC 8785 form of the payload that the person saw; `deadline` is there where the request had one.
 */
export const approvalStatement = z.strictObject({
  v: z.literal(1),
  org: orgId,
  approvalId: uuid,
  requester: agentId,
  payloadHash: sha256,
  decision: z.enum(["approved", "rejected"]),
  reason: z.string().max(1_000),
  approver: z.strictObject({ subject: z.string(), role: slug }),
  decidedAt: z.iso.datetime(),
  deadline: z.iso.datetime().optional(),
});
/** What an approver signs. */
export type ApprovalStatement = z.infer<typeof approvalStatement>;

/**
 * Claims of an envelope: payload of a compact JWS (EdDSA, `typ` "gaggle-envelope+jws") by the sender's agent key.
 * Times are milliseconds since the epoch. `credential` is the sender's membership JWT, so that it proves itself however it travelled.
 */
export const envelopeClaims = z.strictObject({
  v: z.literal(1),
  id: uuid,
  ts: z.int(),
  exp: z.int(),
  org: orgId,
  from: agentId,
  to: agentId,
  priority,
  policyHash: sha256,
  traceparent: z.string().regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/),
  credential: z.string().max(4_096),
  message,
  /** What the tokens in the message stand for, sealed to the receiver's key (compact JWE); there where policy lets the receiver restore. */
  sealed: z.string().max(786_432).optional(),
  /** What the tokens in the message's files stand for, sealed as well; there where policy lets the receiver restore. */
  fileValues: z.array(fileValues).max(MAX_ARTIFACTS).optional(),
  /** A task's files as they were approved, before they were masked, sealed as well (compact JWE); there where the receiver may have all of them back. */
  approvedFiles: z.string().max(65_536).optional(),
  /** This is a copy for another device of the person it was sent to: it is never run without a person. */
  copy: z.literal(true).optional(),
});
/** Claims of an envelope. */
export type EnvelopeClaims = z.infer<typeof envelopeClaims>;

/** Answer of a receiver to one envelope. `stored` and `duplicate` are given only after the synced write. */
export const receipt = z.discriminatedUnion("status", [
  z.strictObject({ id: uuid, status: z.enum(["stored", "duplicate"]) }),
  z.strictObject({ id: uuid, status: z.literal("refused"), code: z.string().max(40), reason: z.string().max(500) }),
  z.strictObject({ id: uuid, status: z.literal("busy"), retryAfterMs: z.int().min(0).max(3_600_000) }),
]);
/** Answer of a receiver to one envelope. */
export type Receipt = z.infer<typeof receipt>;
