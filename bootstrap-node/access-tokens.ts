/** Access tokens for the bootstrap node's API: short-lived JWTs (RFC 9068) by the issuer key, bound to an agent's key by `cnf`. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { GaggleError } from "../mesh/contract/errors.ts";
import { type AccessClaims, accessClaims } from "../mesh/contract/identity.ts";
import { newUuid } from "../mesh/contract/ids.ts";
import { ACCESS_TOKEN_LIFETIME_MS } from "../mesh/contract/limits.ts";
import type { Clock, Random } from "../mesh/contract/ports.ts";
import { jwkOfAgentId, publicJwkOf, thumbprintOf } from "../mesh/identity/keys.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import type { Member } from "./members.ts";

const TYP = "at+jwt";
const AUDIENCE = "gaggle-bootstrap";

/** Issues and checks access tokens. */
export interface AccessTokens {
  issue(member: Member): Promise<{ token: string; expiresAt: string }>;
  /** @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED */
  verify(token: string): Promise<AccessClaims>;
}

/** Access tokens by the issuer key in use; those of the key before count until they end. */
export function createAccessTokens(
  deps: { clock: Clock; random: Random; issuers: Pick<IssuerKeys, "current" | "believed"> },
  config: { org: string },
): AccessTokens {
  return {
    async issue(member) {
      const issuer = deps.issuers.current();
      const privateKey = createPrivateKey({ key: { ...issuer }, format: "jwk" });
      const nowMs = deps.clock.now();
      const exp = Math.floor((nowMs + ACCESS_TOKEN_LIFETIME_MS) / 1000);
      const token = await new SignJWT({
        role: member.role,
        agent: member.agentId,
        cnf: { jkt: thumbprintOf(jwkOfAgentId(member.agentId)) },
      })
        .setProtectedHeader({ alg: "EdDSA", typ: TYP, kid: thumbprintOf(issuer) })
        .setIssuer(config.org)
        .setAudience(AUDIENCE)
        .setSubject(member.subject)
        .setIssuedAt(Math.floor(nowMs / 1000))
        .setExpirationTime(exp)
        .setJti(newUuid(nowMs, deps.random))
        .sign(privateKey);
      return { token, expiresAt: new Date(exp * 1000).toISOString() };
    },
    async verify(token) {
      try {
        const options = {
          algorithms: ["EdDSA"],
          typ: TYP,
          issuer: config.org,
          audience: AUDIENCE,
          currentDate: new Date(deps.clock.now()),
        };
        const { kid } = decodeProtectedHeader(token);
        const issuer = deps.issuers.believed().find((key) => thumbprintOf(key) === kid);
        if (issuer === undefined) throw new errors.JOSEError("no issuer key of this node");
        const publicKey = createPublicKey({ key: { ...publicJwkOf(issuer) }, format: "jwk" });
        return accessClaims.parse((await jwtVerify(token, publicKey, options)).payload);
      } catch (cause) {
        if (cause instanceof errors.JWTExpired)
          throw new GaggleError("CREDENTIAL_EXPIRED", "The access token has expired; get a new one.", { cause });
        throw new GaggleError("CREDENTIAL_INVALID", "The access token is forged, malformed or of another node; get a new one.", { cause });
      }
    },
  };
}
