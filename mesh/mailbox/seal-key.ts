/** An agent's signed word about the key that its mail is sealed to, and the devices of a person as a sender believes them. */
import { GaggleError } from "../contract/errors.ts";
import { type MembershipClaims, type Principal, x25519Jwk } from "../contract/identity.ts";
import { type SealKeyStatement, sealKeyStatement } from "../contract/mailbox.ts";
import type { Signer } from "../contract/ports.ts";
import { signJws, unverifiedPayloadOf, verifyJws } from "../identity/jws.ts";
import { agentIdOf, jwkOfAgentId, type X25519Jwk } from "../identity/keys.ts";

const TYP = "gaggle-seal-key+jws";
const MAX_BYTES = 2_048;

/** A device of a person, and the key that its mail is sealed to. */
export interface Device {
  readonly principal: Principal;
  readonly seal: X25519Jwk;
}

/** A device with the claims of its credential. */
export interface ToldDevice extends Device {
  readonly claims: MembershipClaims;
}

/** Signs the statement of an agent's own key. */
export function signSealKey(input: { org: string; seal: X25519Jwk; signer: Signer }): string {
  const { org, signer } = input;
  const payload: SealKeyStatement = { v: 1, org, agent: agentIdOf(signer.publicJwk), seal: x25519Jwk.parse(input.seal) };
  return signJws({ typ: TYP, payload, signer });
}

/**
 * Checks a statement: signed by the agent itself, for this organisation.
 * @throws GaggleError CREDENTIAL_INVALID
 */
export function verifySealKey(jws: string, expected: { org: string; agent: string }): X25519Jwk {
  const said = sealKeyStatement.safeParse(verifyJws({ jws, typ: TYP, key: jwkOfAgentId(expected.agent), maxBytes: MAX_BYTES }));
  if (!said.success || said.data.org !== expected.org || said.data.agent !== expected.agent)
    throw new GaggleError("CREDENTIAL_INVALID", "The statement of the key for sealed mail is another agent's or malformed.");
  return said.data.seal;
}

/** When a credential was issued, ms since the epoch, as it says itself. */
function issuedAtMs(jwt: string): number {
  const { iat } = unverifiedPayloadOf(jwt) as { iat?: unknown };
  return typeof iat === "number" ? iat * 1_000 : 0;
}

/**
 * A device as the node tells of it. The credential may have expired, since the device may have been off for days: that it was issued, and that nobody
 * in it is revoked now, is what counts. The key is the agent's own word, so the node can't put another in its place.
 * @param verify as `verifyMembership` at a time
 * @throws GaggleError CREDENTIAL_INVALID, NOT_A_MEMBER, REVOKED
 */
export function readDevice(
  told: { credential: string; sealKey: string },
  verify: (jwt: string, atMs: number) => MembershipClaims,
): ToldDevice {
  const claims = verify(told.credential, issuedAtMs(told.credential));
  const { agent, sub, role, department, seal, iss } = claims;
  const own = verifySealKey(told.sealKey, { org: iss, agent });
  if (own.x !== seal.x)
    throw new GaggleError("CREDENTIAL_INVALID", "The device's credential names another key for sealed mail than the device itself.");
  return { principal: { agentId: agent, subject: sub, role, department }, seal: own, claims };
}
