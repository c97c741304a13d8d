/** The node's signed word about a deposit: who deposited what for whom, and when. */
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { canonicalHash } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import { type DepositStamp, depositStamp, type SealedMail } from "../contract/mailbox.ts";
import type { Signer } from "../contract/ports.ts";
import { signJws, verifyJws } from "../identity/jws.ts";

const TYP = "gaggle-deposit+jws";
const MAX_BYTES = 4_096;

/** Signs a stamp with an issuer key. */
export const signStamp = (stamp: DepositStamp, signer: Signer): string => signJws({ typ: TYP, payload: stamp, signer });

const invalid = (problem: string): GaggleError => new GaggleError("ENVELOPE_INVALID", `The deposit is not valid: ${problem}.`);

/**
 * Checks a stamp and that it is about exactly this mail.
 * @param expected `keys`: issuer keys of the newest bundle that are not revoked; `self`: the agent that fetched it
 * @throws GaggleError CREDENTIAL_INVALID (by none of these keys), CLOCK_SKEW (from the future), ENVELOPE_INVALID (about another mail, recipient or
 *   organisation)
 */
export function verifyStamp(
  mail: { stamp: string; sealed: SealedMail },
  expected: { keys: readonly Ed25519Jwk[]; org: string; self: string; nowMs: number },
): DepositStamp {
  const said = depositStamp.safeParse(verifyJws({ jws: mail.stamp, typ: TYP, keys: expected.keys, maxBytes: MAX_BYTES }));
  if (!said.success) throw invalid("its stamp is malformed");
  const stamp = said.data;
  if (stamp.org !== expected.org) throw invalid("it is of another organisation");
  if (!stamp.to.includes(expected.self)) throw invalid("it is for another agent");
  if (stamp.sha256 !== canonicalHash(mail.sealed)) throw invalid("its stamp is about another mail");
  if (stamp.at > expected.nowMs + CLOCK_LEEWAY_MS)
    throw new GaggleError("CLOCK_SKEW", "The deposit is from the future; set this machine's and the bootstrap node's clocks right.");
  return stamp;
}
