/** Audit events and exports. Source: spec P5; the hash rule for strangers is docs/audit-format.md. */
import { z } from "zod";
import type { Principal } from "./identity.ts";
import { usdAmount } from "./usage.ts";
import { agentId, orgId, sha256, uuid } from "./ids.ts";

/** `hashPrev` of the first event of a chain. */
export const GENESIS_HASH = "0".repeat(64);

/**
 * What a module says happened. Texts are masked before they come here; values are ids, counts and hashes.
 * `target` is `kind:id`, for example `task:0192…`.
 */
export const auditDraft = z.strictObject({
  actor: z.strictObject({ type: z.enum(["agent", "person", "service"]), id: z.string().max(200), role: z.string().max(64) }),
  action: z.string().regex(/^[a-z]+(\.[a-z-]+)+$/),
  target: z.string().max(300),
  result: z.enum(["ok", "denied", "failed"]),
  /** Ids, counts, hashes and policy reasons; integers only, so that every language writes the same canonical JSON. */
  details: z.record(z.string(), z.union([z.string().max(500), z.int(), z.boolean()])).default({}),
  redactions: z.array(z.strictObject({ class: z.string().max(40), count: z.int().min(1) })).default([]),
  /** `usd` is a decimal number as text, so that no float is hashed. */
  cost: z.strictObject({ tokens: z.int().min(0), usd: usdAmount }).default({ tokens: 0, usd: "0" }),
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
});
/** What a module says happened (defaults may be left out). */
export type AuditDraft = z.input<typeof auditDraft>;

/** Action of the event by which an agent tells that another one acts in its own person's name. */
export const SECOND_AGENT = "member.second-agent";

/** The agent as the one who acts: in the role that it has when the event is written, since a person may move while their daemon runs. */
export const actorOf = (self: Pick<Principal, "agentId" | "role">): AuditDraft["actor"] => ({
  type: "agent",
  id: self.agentId,
  get role() {
    return self.role;
  },
});

/**
 * One event of an agent's chain. `hash` = SHA-256 over the 128 hex digits of `hashPrev` and of SHA-256 over the RFC 8785 form of the event without
 * `hash` and `hashPrev` (`v` 1: over the form without `hash` alone); `hashPrev` = `hash` of the event with `seq` − 1, or {@link GENESIS_HASH} for
 * `seq` 1.
 */
export const auditEvent = z.strictObject({
  ...auditDraft.shape,
  details: z.record(z.string(), z.union([z.string().max(500), z.int(), z.boolean()])),
  redactions: z.array(z.strictObject({ class: z.string().max(40), count: z.int().min(1) })),
  cost: z.strictObject({ tokens: z.int().min(0), usd: z.string() }),
  v: z.literal([1, 2]),
  id: uuid,
  seq: z.int().min(1),
  ts: z.iso.datetime(),
  tenantId: orgId,
  agentId,
  hashPrev: sha256,
  hash: sha256,
});
/** One event of an agent's chain. */
export type AuditEvent = z.infer<typeof auditEvent>;

/** What an agent signs about the end of its chain: payload of a compact JWS (EdDSA, `typ` "gaggle-head+jws") by its agent key. */
export const auditHead = z.strictObject({ v: z.literal(1), org: orgId, agentId, seq: z.int().min(0), hash: sha256, ts: z.iso.datetime() });
/** What an agent signs about the end of its chain. */
export type AuditHead = z.infer<typeof auditHead>;

/** Which events an export holds in full; the others of the same agents become stubs. What is left out of the filter lets everything pass. */
export const auditFilter = z.strictObject({
  /** Only this agent's chain. */
  agent: agentId.optional(),
  /** An action or the words it begins with: `message` takes `message.send`. */
  action: z
    .string()
    .max(100)
    .regex(/^[a-z]+(\.[a-z-]+)*$/)
    .optional(),
  /** Everything about a task: its own events, its messages, and what its runs did. */
  task: uuid.optional(),
  /** By the agents' clocks: not before, and before. */
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
});
/** Which events an export holds in full. */
export type AuditFilter = z.infer<typeof auditFilter>;

/**
 * What the bootstrap node signs about its log of receipts: payload of a compact JWS (EdDSA, `typ` "gaggle-log+jws") by an issuer key. The log is
 * a Merkle tree (RFC 9162); each leaf is the end of one agent's chain as the node took it.
 */
export const auditLogHead = z.strictObject({ v: z.literal(1), org: orgId, size: z.int().min(0), root: sha256, ts: z.iso.datetime() });
/** What the bootstrap node signs about its log of receipts. */
export type AuditLogHead = z.infer<typeof auditLogHead>;

/** Why an alarm was closed: a line for other auditors. It stands in the audit trail as it was typed, so it names nobody who need not be named. */
export const alarmReason = z
  .string()
  .min(3)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cf}\u2028\u2029]+$/u, "one line of plain text");
/** What an auditor signs about an alarm (compact JWS, EdDSA, `typ` "gaggle-acknowledgement+jws", by their agent key or an admin key). */
export const alarmAcknowledgement = z.strictObject({
  v: z.literal(1),
  org: orgId,
  /** The alarm's id, and when it was raised last: what comes after that is not acknowledged. */
  alarm: z.string().regex(/^[0-9a-f]{12}$/),
  lastAt: z.iso.datetime(),
  reason: alarmReason,
  at: z.iso.datetime(),
});
/** What an auditor signs about an alarm. */
export type AlarmAcknowledgement = z.infer<typeof alarmAcknowledgement>;
/** That an alarm was acknowledged: by which agent or admin key, when, why. `jws`: what they signed; left out where the own person said it to their daemon. */
export const acknowledged = z.object({
  by: z.string().max(200),
  at: z.iso.datetime(),
  reason: z.string().max(200),
  jws: z.string().max(4_096).optional(),
});

/** Why an agent doubts the node's log. */
export const logDoubt = z.enum([
  /** Two signed heads of one size with different roots. */
  "two-histories",
  /** The node could not prove that one signed head is the beginning of another. */
  "not-proven",
  /** The node signed a smaller log than before, as after it was restored from a backup. */
  "shorter",
  /** The node took events and did not prove that its signed log holds them. */
  "no-receipt",
]);
/** Why an agent doubts the node's log. */
export type LogDoubt = z.infer<typeof logDoubt>;

/** Two signed heads of the node's log that don't go together: the proof that it has shown two histories, or lost one. */
export const logAlarm = z.object({
  at: z.iso.datetime(),
  doubt: logDoubt,
  /** Who told the second one: the node itself, or a colleague. */
  from: z.string().max(100),
  /** Compact JWS over {@link auditLogHead}: the one this agent had, and the other. */
  known: z.string().max(1_024),
  other: z.string().max(1_024),
  /** Left out while nobody has looked at it. */
  acknowledged: acknowledged.optional(),
});
/** Two signed heads of the node's log that don't go together. */
export type LogAlarm = z.infer<typeof logAlarm>;

/** Hashes of a proof in a Merkle tree. */
export const logProof = z.array(sha256).max(108);

/** The node's receipt for the end of an agent's chain: its signed log, and where in it that end is. */
export const auditReceipt = z.object({
  /** Compact JWS over {@link auditLogHead}. */
  log: z.string().max(1_024),
  index: z.int().min(0),
  inclusion: logProof,
  /** That the log goes on from the size that the agent knew; left out where it named none, or the log is shorter. */
  consistency: logProof.optional(),
});
/** The node's receipt for the end of an agent's chain. */
export type AuditReceipt = z.infer<typeof auditReceipt>;

/**
 * What joins a chain where the node has lost events that the agent has rightly forgotten: the agent's signed head over the last that is gone, and the
 * node's own receipt for that event or a later one, which shows that it had taken them all. Source: docs/audit-format.md, Lost events.
 */
export const auditBridge = z.strictObject({
  anchor: z.string().max(4_096),
  log: z.string().max(1_024),
  index: z.int().min(0),
  proof: logProof,
  /** The end of the chain that the receipt is for. */
  seq: z.int().min(1),
  hash: sha256,
});
/** What joins a chain where events are gone. */
export type AuditBridge = z.infer<typeof auditBridge>;

/** Something about an agent's chain that must not happen, as the bootstrap node saw it. */
export const auditAlarm = z.object({
  kind: z.enum(["fork", "gap", "altered", "second-agent"]),
  agentId,
  /** The event that it is about, and the one that was expected. */
  seq: z.int(),
  expectedSeq: z.int(),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
  count: z.int().min(1),
  /** False once the agent's chain went on as it should, or somebody acknowledged the alarm. */
  open: z.boolean(),
  /** Left out while nobody has looked at it, and again once the same has happened anew. */
  acknowledged: acknowledged.optional(),
});
/** Something about an agent's chain that must not happen. */
export type AuditAlarm = z.infer<typeof auditAlarm>;
