/** The lines of an audit export. Source: docs/audit-format.md. */
import { z } from "zod";
import { auditEvent } from "../contract/audit.ts";
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
  /** A membership credential, signed by an issuer: says whose key an agent id is. */
  z.strictObject({ ...line, kind: z.literal("credential"), agentId, jws }),
  z.strictObject({ ...line, kind: z.literal("event"), event: auditEvent }),
  /** What the agent itself signed about the end of its chain. */
  z.strictObject({ ...line, kind: z.literal("head"), jws }),
  /** The exporter's statement over all lines before; always the last line. */
  z.strictObject({ ...line, kind: z.literal("statement"), jws }),
]);
/** One line of an export. */
export type ExportLine = z.infer<typeof exportLine>;

/**
 * What the exporter signs (compact JWS, EdDSA, `typ` "gaggle-export+jws", by an issuer key that a manifest of the export names).
 * `lines` counts the lines before the statement; `sha256` is over their bytes with their line ends.
 */
export const exportStatement = z.strictObject({
  v: z.literal(1),
  org: orgId,
  createdAt: z.iso.datetime(),
  lines: z.int().min(1),
  sha256,
  agents: z.array(z.strictObject({ agentId, seq: z.int().min(1), hash: sha256 })),
});
/** What the exporter signs. */
export type ExportStatement = z.infer<typeof exportStatement>;
