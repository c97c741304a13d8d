/** Finds out who calls: every call but the open ones carries a proof of the agent key for exactly this call, most also an access token. */
import type { FastifyRequest } from "fastify";
import { PROOF_HEADER } from "../mesh/contract/bootstrap-api.ts";
import type { RouteAccess } from "../mesh/contract/bootstrap-api/route.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { AccessClaims } from "../mesh/contract/identity.ts";
import type { Clock } from "../mesh/contract/ports.ts";
import { agentIdOf, thumbprintOf } from "../mesh/identity/keys.ts";
import { type ProofClaims, verifyProof } from "../mesh/identity/proof.ts";
import type { AccessTokens } from "./access-tokens.ts";
import type { BundleShelf } from "./bundle-shelf.ts";
import type { Member, Members } from "./members.ts";

/** Who calls, as far as the route asked. */
export interface Caller {
  /** The proven agent key; there on every route but open ones. */
  readonly proof?: ProofClaims;
  /** The member in good standing; there on `token` routes, and on `export` unless an admin calls. */
  readonly member?: Member;
  /** Proven with an admin key of the signed bundle, on `export` alone. */
  readonly admin?: true;
}

/** What is needed to know a caller. */
export interface CallerDeps {
  readonly clock: Clock;
  readonly tokens: AccessTokens;
  readonly members: Members;
  readonly shelf: BundleShelf;
}

const bearerOf = (request: FastifyRequest): string | undefined => /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];

/**
 * Looks at the headers alone, so that nobody who has no token makes the node read a large body.
 * @returns the token's claims; undefined where the route needs none, or an admin may call with a proof alone
 * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED
 */
export async function checkHeaders(
  deps: Pick<CallerDeps, "tokens">,
  access: RouteAccess,
  request: FastifyRequest,
): Promise<AccessClaims | undefined> {
  if (access === "none") return undefined;
  if (typeof request.headers[PROOF_HEADER] !== "string") {
    throw new GaggleError("CREDENTIAL_INVALID", `This call needs a proof of the agent key in the header ${PROOF_HEADER}.`);
  }
  if (access === "proof") return undefined;
  const token = bearerOf(request);
  if (token !== undefined) return deps.tokens.verify(token);
  if (access === "export") return undefined;
  throw new GaggleError("CREDENTIAL_INVALID", "This call needs an access token; get one from /api/v1/token.");
}

/**
 * Identifies the caller of a route, once its body is there.
 * @param claims of {@link checkHeaders}
 * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CLOCK_SKEW, NOT_A_MEMBER, REVOKED
 */
export function identifyCaller(
  deps: CallerDeps,
  org: string,
  call: { readonly access: RouteAccess; readonly request: FastifyRequest; readonly claims: AccessClaims | undefined },
): Caller {
  const { access, request, claims } = call;
  if (access === "none") return {};
  const proof = proofOf(deps, org, request);
  if (access === "proof") return { proof };
  if (claims === undefined) {
    if (isAdmin(deps.shelf, proof.agent)) return { proof, admin: true };
    throw new GaggleError("CREDENTIAL_INVALID", "This call needs an access token, or a proof by an admin key.");
  }
  if (claims.agent !== proof.agent) {
    throw new GaggleError("CREDENTIAL_INVALID", "The access token is bound to another agent's key than the one that was proven.");
  }
  // Not from the token: revocation and a changed role count at once, not when the token ends.
  return { proof, member: deps.members.get(claims.agent) };
}

function proofOf(deps: CallerDeps, org: string, request: FastifyRequest): ProofClaims {
  const method = request.method === "POST" ? "POST" : "GET";
  const jwt = String(request.headers[PROOF_HEADER]);
  return verifyProof({ jwt, call: { org, method, path: request.url, body: request.body ?? {} }, nowMs: deps.clock.now() });
}

function isAdmin(shelf: BundleShelf, agentId: string): boolean {
  const { admins, revocations } = shelf.newest().manifest;
  return admins.some((key) => agentIdOf(key) === agentId && !revocations.keys.includes(thumbprintOf(key)));
}
