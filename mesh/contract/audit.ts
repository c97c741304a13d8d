/** Audit events and exports. Source: spec P5; the hash rule for strangers is docs/audit-format.md. */
import { z } from "zod";
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

/**
 * One event of an agent's chain. `hash` = SHA-256 over the RFC 8785 form of the event without `hash`;
 * `hashPrev` = `hash` of the event with `seq` − 1, or {@link GENESIS_HASH} for `seq` 1.
 */
export const auditEvent = z.strictObject({
  ...auditDraft.shape,
  details: z.record(z.string(), z.union([z.string().max(500), z.int(), z.boolean()])),
  redactions: z.array(z.strictObject({ class: z.string().max(40), count: z.int().min(1) })),
  cost: z.strictObject({ tokens: z.int().min(0), usd: z.string() }),
  v: z.literal(1),
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
