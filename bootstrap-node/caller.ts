/** Finds out who calls: every call but the open ones carries a proof of the agent key for exactly this call, most also an access token. */
import type { FastifyRequest } from "fastify";
import { PROOF_HEADER } from "../mesh/contract/bootstrap-api.ts";
import type { RouteAccess } from "../mesh/contract/bootstrap-api/route.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { AccessClaims } from "../mesh/contract/identity.ts";
import type { Clock } from "../mesh/contract/ports.ts";
import { agentIdOf, thumbprintOf } from "../mesh/identity/keys.ts";
import { checkProvenBody, openProof, type ProofClaims } from "../mesh/identity/proof.ts";
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

/** What the headers alone say of a caller. */
export interface CheckedHeaders {
  /** The proof of the agent key, but for the body; there on every route but open ones. */
  readonly proof?: ProofClaims;
  /** The token's claims: of the agent that was proven. Left out where the route needs none, or an admin may call with a proof alone. */
  readonly claims?: AccessClaims;
}

/**
 * Looks at the headers alone, so that nobody who has no token and no key makes the node read a large body, or is counted as the agent whose token it stole.
 * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CLOCK_SKEW
 */
export async function checkHeaders(
  deps: Pick<CallerDeps, "tokens" | "clock">,
  org: string,
  access: RouteAccess,
  request: FastifyRequest,
): Promise<CheckedHeaders> {
  if (access === "none") return {};
  const jwt = request.headers[PROOF_HEADER];
  if (typeof jwt !== "string")
    throw new GaggleError("CREDENTIAL_INVALID", `This call needs a proof of the agent key in the header ${PROOF_HEADER}.`);
  const token = access === "proof" ? undefined : bearerOf(request);
  if (access === "token" && token === undefined)
    throw new GaggleError("CREDENTIAL_INVALID", "This call needs an access token; get one from /api/v1/token.");
  const claims = token === undefined ? undefined : await deps.tokens.verify(token);
  const method = request.method === "POST" ? "POST" : "GET";
  const proof = openProof({ jwt, call: { org, method, path: request.url }, nowMs: deps.clock.now() });
  if (claims === undefined) return { proof };
  if (claims.agent === proof.agent) return { proof, claims };
  throw new GaggleError("CREDENTIAL_INVALID", "The access token is bound to another agent's key than the one that was proven.");
}

/**
 * Identifies the caller of a route, once its body is there.
 * @param headers of {@link checkHeaders}
 * @throws GaggleError CREDENTIAL_INVALID, NOT_A_MEMBER, REVOKED
 */
export function identifyCaller(
  deps: Pick<CallerDeps, "members" | "shelf">,
  call: { readonly access: RouteAccess; readonly body: unknown; readonly headers: CheckedHeaders },
): Caller {
  const { proof, claims } = call.headers;
  if (proof === undefined) return {};
  checkProvenBody(proof, call.body);
  if (call.access === "proof") return { proof };
  // Not from the token: revocation and a changed role count at once, not when the token ends.
  if (claims !== undefined) return { proof, member: deps.members.get(claims.agent) };
  if (isAdmin(deps.shelf, proof.agent)) return { proof, admin: true };
  throw new GaggleError("CREDENTIAL_INVALID", "This call needs an access token, or a proof by an admin key.");
}

function isAdmin(shelf: BundleShelf, agentId: string): boolean {
  const { admins, revocations } = shelf.newest().manifest;
  return admins.some((key) => agentIdOf(key) === agentId && !revocations.keys.includes(thumbprintOf(key)));
}
