/** Finds out who calls: every call but the open ones carries a proof of the agent key for exactly this call, most also an access token. */
import type { FastifyRequest } from "fastify";
import { PROOF_HEADER, type RouteAccess } from "../mesh/contract/bootstrap-api.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
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
}

/** What is needed to know a caller. */
export interface CallerDeps {
  readonly clock: Clock;
  readonly tokens: AccessTokens;
  readonly members: Members;
  readonly shelf: BundleShelf;
}

/**
 * Identifies the caller of a route.
 * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CLOCK_SKEW, NOT_A_MEMBER, REVOKED
 */
export async function identifyCaller(deps: CallerDeps, org: string, access: RouteAccess, request: FastifyRequest): Promise<Caller> {
  if (access === "none") return {};
  const proof = proofOf(deps, org, request);
  if (access === "proof") return { proof };
  const token = bearerOf(request);
  if (token === undefined && access === "export" && isAdmin(deps.shelf, proof.agent)) return { proof };
  if (token === undefined) throw new GaggleError("CREDENTIAL_INVALID", "This call needs an access token; get one from /api/v1/token.");
  const claims = await deps.tokens.verify(token);
  if (claims.agent !== proof.agent) {
    throw new GaggleError("CREDENTIAL_INVALID", "The access token is bound to another agent's key than the one that was proven.");
  }
  // Not from the token: revocation and a changed role count at once, not when the token ends.
  return { proof, member: deps.members.get(claims.agent) };
}

function proofOf(deps: CallerDeps, org: string, request: FastifyRequest): ProofClaims {
  const jwt = request.headers[PROOF_HEADER];
  if (typeof jwt !== "string") {
    throw new GaggleError("CREDENTIAL_INVALID", `This call needs a proof of the agent key in the header ${PROOF_HEADER}.`);
  }
  const method = request.method === "GET" ? "GET" : "POST";
  return verifyProof({ jwt, call: { org, method, path: request.url, body: request.body ?? {} }, nowMs: deps.clock.now() });
}

const bearerOf = (request: FastifyRequest): string | undefined => /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];

function isAdmin(shelf: BundleShelf, agentId: string): boolean {
  const { admins, revocations } = shelf.newest().manifest;
  return admins.some((key) => agentIdOf(key) === agentId && !revocations.keys.includes(thumbprintOf(key)));
}
