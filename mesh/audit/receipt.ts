/** The bootstrap node's receipts: a signed Merkle log over the ends of the chains that it took. Checked by agents and verifiers. Source: decision 0113. */
import { type AuditLogHead, auditLogHead } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { canonicalJson } from "../contract/json.ts";
import type { Signer } from "../contract/ports.ts";
import { signJws, verifyJws } from "../identity/jws.ts";
import { isIncluded, leafHash } from "./merkle.ts";

/** `typ` of a signed head of the log. */
export const LOG_TYP = "gaggle-log+jws";

/** The end of a chain as the log holds it. */
export interface LogEntry {
  readonly agentId: string;
  readonly seq: number;
  readonly hash: string;
}

/** Hash of an entry's leaf: over its RFC 8785 form. */
export const entryLeaf = ({ agentId, seq, hash }: LogEntry): string => leafHash(canonicalJson({ agentId, hash, seq }));

/** Signs the log as it is. */
export const signLogHead = (head: AuditLogHead, signer: Signer): string => signJws({ typ: LOG_TYP, payload: head, signer });

/**
 * Checks a signed head of the log.
 * @throws GaggleError CREDENTIAL_INVALID for one that none of the issuers signed, or of another organisation
 */
export function verifyLogHead(jws: string, issuers: readonly Ed25519Jwk[], org: string | undefined): AuditLogHead {
  const head = auditLogHead.safeParse(verifyJws({ jws, typ: LOG_TYP, keys: issuers }));
  if (!head.success || head.data.org !== org)
    throw new GaggleError("CREDENTIAL_INVALID", "The signed head of the log is malformed or of another organisation.");
  return head.data;
}

/** Whether the log holds an entry at a place. */
export const holdsEntry = (
  log: Pick<AuditLogHead, "size" | "root">,
  entry: LogEntry,
  receipt: { readonly index: number; readonly proof: readonly string[] },
): boolean => isIncluded({ leaf: entryLeaf(entry), index: receipt.index, size: log.size, proof: receipt.proof, root: log.root });
