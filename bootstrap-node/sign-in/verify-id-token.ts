/** The one place where an ID token is believed. Source: OpenID Connect Core, section 3.1.3.7. */
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { CLOCK_LEEWAY_MS, ID_TOKEN_MAX_AGE_MS } from "../../mesh/contract/limits.ts";
import type { SignInProvider } from "../../mesh/contract/sign-in.ts";

/**
 * Checks an ID token: signature by one of the provider's keys with a listed algorithm, issuer, audience, authorised party, times (leeway 120 s), nonce.
 * @param expected `nonce`: the one of this sign-in; undefined for the device flow, which has none
 * @returns its claims
 * @throws GaggleError SIGN_IN_FAILED; UPSTREAM_FAILED where the provider's keys can't be read
 */
export async function verifyIdToken(
  idToken: string,
  expected: { provider: SignInProvider; keys: JWTVerifyGetKey; nowMs: number; nonce: string | undefined },
): Promise<JWTPayload> {
  const claims = await readSigned(idToken, expected);
  const { azp } = claims;
  const several = Array.isArray(claims.aud) && claims.aud.length > 1;
  if ((several || azp !== undefined) && azp !== expected.provider.clientId) throw refuse("is meant for another client");
  if (claims["nonce"] !== expected.nonce) throw refuse("was got for another sign-in or another machine");
  return claims;
}

async function readSigned(
  idToken: string,
  { provider, keys, nowMs }: { provider: SignInProvider; keys: JWTVerifyGetKey; nowMs: number },
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(idToken, keys, {
      algorithms: provider.algorithms,
      issuer: provider.issuer,
      audience: provider.clientId,
      currentDate: new Date(nowMs),
      clockTolerance: CLOCK_LEEWAY_MS / 1000,
      maxTokenAge: ID_TOKEN_MAX_AGE_MS / 1000,
      requiredClaims: ["exp", "iat", "sub", "iss", "aud"],
    });
    return payload;
  } catch (cause) {
    if (cause instanceof GaggleError) throw cause;
    if (!(cause instanceof errors.JOSEError) || cause instanceof errors.JWKSTimeout)
      throw new GaggleError("UPSTREAM_FAILED", "The identity provider's keys can't be read; try again.", { cause });
    throw refuse("is forged, expired, or of another issuer or client", cause);
  }
}

const refuse = (problem: string, cause?: unknown): GaggleError =>
  new GaggleError("SIGN_IN_FAILED", `The identity provider's ID token ${problem}. Sign in again; if it stays so, tell your admin.`, {
    cause,
  });
