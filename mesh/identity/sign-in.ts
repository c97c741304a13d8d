/** The parts of sign-in that agent and node have in common: the root key's statement of the provider, and the nonce. */
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { sha256Hex } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import { type SignInStatement, signInStatement } from "../contract/sign-in.ts";
import { unverifiedPayloadOf, verifyJws } from "./jws.ts";
import { jwkOfAgentId, thumbprintOf } from "./keys.ts";

const TYP = "gaggle-sign-in+jws";
const MAX_BYTES = 65_536;

/**
 * The nonce of a sign-in: the node's challenge and the agent's key in one, so that an ID token is of use to this key and this sign-in alone.
 * @returns 64 hex digits
 */
export const signInNonce = (challenge: string, agentId: string): string => sha256Hex(`${challenge}.${thumbprintOf(jwkOfAgentId(agentId))}`);

/**
 * Checks the statement that came from a bootstrap node, against the pinned fingerprint.
 * @throws GaggleError BUNDLE_SIGNATURE, BUNDLE_MISMATCH, BUNDLE_EXPIRED, CLOCK_SKEW
 */
export function verifySignInStatement(input: { jws: string; org: string; rootFingerprint: string; nowMs: number }): SignInStatement {
  const root = rootOf(input.jws);
  if (thumbprintOf(root) !== input.rootFingerprint) {
    throw new GaggleError(
      "BUNDLE_SIGNATURE",
      "What the bootstrap node says about signing in is not signed by the root key that you named. Check --root or get the link again.",
    );
  }
  const statement = openSignInStatement(input.jws, root);
  if (statement.org !== input.org) throw new GaggleError("BUNDLE_MISMATCH", "The bootstrap node is of another organisation than the link.");
  if (Date.parse(statement.issuedAt) > input.nowMs + CLOCK_LEEWAY_MS)
    throw new GaggleError("CLOCK_SKEW", "What the root key says about signing in is from the future; set this machine's clock right.");
  if (input.nowMs >= Date.parse(statement.expiresAt))
    throw new GaggleError(
      "BUNDLE_EXPIRED",
      "What the root key says about signing in has expired; an admin runs: gaggle org sign --publish URL",
    );
  return statement;
}

/** A statement by a root key that is believed already, as in a bundle. @throws GaggleError BUNDLE_SIGNATURE */
export const openSignInStatement = (jws: string, root: Ed25519Jwk): SignInStatement =>
  believed(() => signInStatement.parse(verifyJws({ jws, typ: TYP, key: root, maxBytes: MAX_BYTES })));

const rootOf = (jws: string): Ed25519Jwk => believed(() => signInStatement.parse(unverifiedPayloadOf(jws, MAX_BYTES)).root);

function believed<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new GaggleError("BUNDLE_SIGNATURE", "What the bootstrap node says about signing in is not signed, or was altered.", { cause });
  }
}
