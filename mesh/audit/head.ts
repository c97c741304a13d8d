/** Signed heads: what an agent says about the end of its chain. Kept ones are its checkpoints. Source: design, Trust, Audit. */
import { type AuditHead, auditHead } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { parseAs } from "../contract/json.ts";
import type { Signer } from "../contract/ports.ts";
import { signJws, unverifiedPayloadOf, verifyJws } from "../identity/jws.ts";
import { jwkOfAgentId } from "../identity/keys.ts";

/** `typ` of a signed head. */
export const HEAD_TYP = "gaggle-head+jws";

/** Signs what an agent says about the end of its chain. */
export const signHead = (head: AuditHead, signer: Signer): string => signJws({ typ: HEAD_TYP, payload: head, signer });

/** What a head says, before its signature is checked; for one's own disk. @throws GaggleError CREDENTIAL_INVALID, INVALID_INPUT */
export const readHead = (jws: string): AuditHead => parseAs(auditHead, unverifiedPayloadOf(jws), "A signed head");

/**
 * Checks a head against the key in the agent id that it must be of.
 * @throws GaggleError CREDENTIAL_INVALID
 */
export function verifyHead(jws: string, agentId: string): AuditHead {
  const head = auditHead.safeParse(verifyJws({ jws, typ: HEAD_TYP, key: jwkOfAgentId(agentId) }));
  if (!head.success || head.data.agentId !== agentId)
    throw new GaggleError("CREDENTIAL_INVALID", "The signed head is malformed or of another agent.");
  return head.data;
}
