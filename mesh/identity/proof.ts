/**
 * Proof of the agent key for one call of the bootstrap node's API: a JWT (EdDSA, `typ` "gaggle-proof+jwt") that lives at most a minute
 * and is bound
 * to the organisation, the method, the path and the body, after the idea of DPoP (RFC 9449).
 */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { agentId, orgId, sha256, uuid, newUuid } from "../contract/ids.ts";
import { canonicalHash } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS, PROOF_LIFETIME_MS } from "../contract/limits.ts";
import type { Random, Signer } from "../contract/ports.ts";
import { signJws, unverifiedPayloadOf, verifyJws } from "./jws.ts";
import { agentIdOf, jwkOfAgentId } from "./keys.ts";

const TYP = "gaggle-proof+jwt";
const MAX_BYTES = 2_048;

const proofClaims = z.strictObject({
  aud: orgId,
  agent: agentId,
  htm: z.enum(["GET", "POST"]),
  /** With its query, which for a filtered export is long. */
  htu: z.string().max(600),
  /** SHA-256 over the RFC 8785 form of the call's body without the proof. */
  bh: sha256,
  jti: uuid,
  iat: z.int(),
  exp: z.int(),
});
/** Claims of a proof. Times in seconds; `htu` is the path alone. */
export type ProofClaims = z.infer<typeof proofClaims>;

/** The call that a proof is for. `body`: what is sent beside the proof. */
export interface ProvenCall {
  readonly org: string;
  readonly method: ProofClaims["htm"];
  readonly path: string;
  readonly body: unknown;
}

/** Signs a proof for exactly this call. */
export function createProof(input: { call: ProvenCall; signer: Signer; nowMs: number; random: Random }): string {
  const { call, nowMs } = input;
  const iat = Math.floor(nowMs / 1000);
  const payload: ProofClaims = {
    aud: call.org,
    agent: agentIdOf(input.signer.publicJwk),
    htm: call.method,
    htu: call.path,
    bh: canonicalHash(call.body),
    jti: newUuid(nowMs, input.random),
    iat,
    exp: iat + PROOF_LIFETIME_MS / 1000,
  };
  return signJws({ typ: TYP, payload, signer: input.signer });
}

const otherCall = (): GaggleError => new GaggleError("CREDENTIAL_INVALID", "The proof of the agent key was made for another call.");

/**
 * Checks all of a proof but the body, so that it can be done before a body is read: who holds no key gets no further, and counts as nobody's agent.
 * Whether its `jti` was seen before is the caller's to check.
 * @throws GaggleError CREDENTIAL_INVALID, CLOCK_SKEW: a proof lives a minute, so an old one comes from a clock that is behind, or again
 */
export function openProof(input: { jwt: string; call: Omit<ProvenCall, "body">; nowMs: number }): ProofClaims {
  const claimed = proofClaims.safeParse(unverifiedPayloadOf(input.jwt, MAX_BYTES));
  if (!claimed.success) throw new GaggleError("CREDENTIAL_INVALID", "The proof of the agent key lacks claims or has malformed ones.");
  const claims = claimed.data;
  verifyJws({ jws: input.jwt, typ: TYP, key: jwkOfAgentId(claims.agent), maxBytes: MAX_BYTES });
  const { call } = input;
  if (claims.aud !== call.org || claims.htm !== call.method || claims.htu !== call.path) throw otherCall();
  checkTimes(claims, input.nowMs);
  return claims;
}

/** Checks that a proof was made for this body. @throws GaggleError CREDENTIAL_INVALID */
export function checkProvenBody({ bh }: ProofClaims, body: unknown): void {
  if (bh !== canonicalHash(body)) throw otherCall();
}

/** Checks a proof against the whole call: {@link openProof} and {@link checkProvenBody}. @throws GaggleError as they do */
export function verifyProof(input: { jwt: string; call: ProvenCall; nowMs: number }): ProofClaims {
  const claims = openProof(input);
  checkProvenBody(claims, input.call.body);
  return claims;
}

function checkTimes(claims: ProofClaims, nowMs: number): void {
  const lifetimeMs = (claims.exp - claims.iat) * 1000;
  if (lifetimeMs <= 0 || lifetimeMs > PROOF_LIFETIME_MS)
    throw new GaggleError("CREDENTIAL_INVALID", "The proof of the agent key lives too long.");
  if (claims.iat * 1000 > nowMs + CLOCK_LEEWAY_MS) {
    throw new GaggleError(
      "CLOCK_SKEW",
      "The proof of the agent key is from the future; set this machine's and the bootstrap node's clocks right.",
    );
  }
  if (nowMs > claims.exp * 1000 + CLOCK_LEEWAY_MS) {
    throw new GaggleError(
      "CLOCK_SKEW",
      "The proof of the agent key is minutes old; set this machine's and the bootstrap node's clocks right (network time), then send the call again.",
    );
  }
}
