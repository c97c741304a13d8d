/** Bridges over events that a restored node has lost and their agent has rightly forgotten. Checked by node and verifiers alike. Source: docs/audit-format.md, Lost events. */
import type { AuditBridge, AuditHead } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { verifyHead } from "./head.ts";
import { holdsEntry, verifyLogHead } from "./receipt.ts";

/** A bridge that was checked. */
export interface CheckedBridge {
  /** What the agent signed about the last event that is gone. */
  readonly anchor: AuditHead;
  /** When the node signed that it had taken what is gone: by its clock, RFC 3339. */
  readonly receiptedAt: string;
}

/**
 * Checks all of a bridge but whether the chain that follows leads to the end that the receipt is for, and whether the anchor is old enough.
 * @throws GaggleError CREDENTIAL_INVALID
 */
export function checkBridge(bridge: AuditBridge, of: { agentId: string; org: string; issuers: readonly Ed25519Jwk[] }): CheckedBridge {
  const anchor = verifyHead(bridge.anchor, of.agentId);
  const log = verifyLogHead(bridge.log, of.issuers, of.org);
  const isReceipted = holdsEntry(log, { agentId: of.agentId, seq: bridge.seq, hash: bridge.hash }, bridge);
  const isSame = anchor.seq < bridge.seq || (anchor.seq === bridge.seq && anchor.hash === bridge.hash);
  if (anchor.org === of.org && isReceipted && isSame) return { anchor, receiptedAt: log.ts };
  throw new GaggleError(
    "CREDENTIAL_INVALID",
    "The bridge over lost audit events does not hold: no receipt of the node shows that it had taken them.",
  );
}
