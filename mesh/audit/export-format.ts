/** The lines of an audit export. Source: docs/audit-format.md. */
import { z } from "zod";
import { auditBridge, auditEvent, auditFilter, logProof } from "../contract/audit.ts";
import { agentId, orgId, sha256 } from "../contract/ids.ts";
import { MAX_FRAME_BYTES } from "../contract/limits.ts";

/** `typ` of the export statement. */
export const EXPORT_TYP = "gaggle-export+jws";
/** Longest line of an export, in bytes. A bundle manifest is the longest thing in one. */
export const MAX_EXPORT_LINE_BYTES = 2 * MAX_FRAME_BYTES;

const line = { n: z.int().min(1) };
const jws = z.string().min(1);

/** One line of an export. `n` is its number from 1. */
export const exportLine = z.discriminatedUnion("kind", [
  /** A bundle manifest, signed by the org's root key: names the issuer keys. */
  z.strictObject({ ...line, kind: z.literal("manifest"), jws }),
  /** The signed head of the bootstrap node's log of receipts. */
  z.strictObject({ ...line, kind: z.literal("log"), jws }),
  /** A membership credential, signed by an issuer: says whose key an agent id is. */
  z.strictObject({ ...line, kind: z.literal("credential"), agentId, jws }),
  /** Where a pruned chain begins: the agent's signed head over the last event that is gone. */
  z.strictObject({ ...line, kind: z.literal("anchor"), agentId, jws }),
  z.strictObject({ ...line, kind: z.literal("event"), event: auditEvent }),
  /** An event that the filter left out: `body` is the hash of what it says. */
  z.strictObject({ ...line, kind: z.literal("stub"), agentId, seq: z.int().min(1), body: sha256, hash: sha256 }),
  /** Where events are gone that the node has lost and the agent has rightly forgotten. */
  z.strictObject({ ...line, kind: z.literal("gap"), agentId, ...auditBridge.shape }),
  /** What the agent itself signed about the end of its chain. */
  z.strictObject({ ...line, kind: z.literal("head"), jws }),
  /** Proof that the node's log, as its signed head has it, holds the end of this agent's chain. */
  z.strictObject({ ...line, kind: z.literal("receipt"), agentId, index: z.int().min(0), proof: logProof }),
  /** The exporter's statement over all lines before; always the last line. */
  z.strictObject({ ...line, kind: z.literal("statement"), jws }),
]);
/** One line of an export. */
export type ExportLine = z.infer<typeof exportLine>;

/**
 * What the exporter signs (compact JWS, EdDSA, `typ` "gaggle-export+jws", by an issuer key that a manifest of the export names).
 * `lines` counts the lines before the statement; `sha256` is over their bytes with their line ends. `after`: the last event of the agent that was
 * pruned, 0 for none. `filter` is there where events were left out.
 */
export const exportStatement = z.strictObject({
  v: z.literal([1, 2]),
  org: orgId,
  createdAt: z.iso.datetime(),
  lines: z.int().min(1),
  sha256,
  agents: z.array(z.strictObject({ agentId, after: z.int().min(0).optional(), seq: z.int().min(1), hash: sha256 })),
  filter: auditFilter.optional(),
});
/** What the exporter signs. */
export type ExportStatement = z.infer<typeof exportStatement>;
