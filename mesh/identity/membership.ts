/**
 * Membership credentials: what an issuer says about an agent, and when a receiver believes it. Source: design, Trust, Membership
 * credential.
 */
import type { BundleManifest, OrgChart, Roster } from "../contract/bundle.ts";
import { GaggleError } from "../contract/errors.ts";
import { BOOTSTRAP_PLACE, type MembershipClaims, membershipClaims, type Principal } from "../contract/identity.ts";
import { newUuid } from "../contract/ids.ts";
import { CLOCK_LEEWAY_MS, CREDENTIAL_LIFETIME_MS } from "../contract/limits.ts";
import type { Random, Signer } from "../contract/ports.ts";
import { claimedKeyOf, signJws, verifyJws } from "./jws.ts";
import { jwkOfAgentId, thumbprintOf, type X25519Jwk } from "./keys.ts";

const TYP = "gaggle-membership+jwt";
/** Longest credential, as the contract has it in an envelope. */
const MAX_BYTES = 4_096;

/** What of a bundle's manifest decides about members. */
export type MembershipTrust = Pick<BundleManifest, "org" | "issuers" | "revocations">;

/** Whom a credential is for. */
export interface MembershipSubject {
  readonly subject: string;
  readonly role: string;
  readonly department: string;
  readonly agentId: string;
  /** The agent's X25519 key, which receives sealed mail. */
  readonly seal: X25519Jwk;
}

/**
 * Issues a membership credential.
 * @param input `signer`: an issuer key that the bundle names; `lifetimeMs`: default and at most 36 hours
 * @returns a compact JWT, bound to the agent's key by `cnf.jkt`
 */
export function issueMembership(input: {
  org: string;
  member: MembershipSubject;
  signer: Signer;
  nowMs: number;
  random: Random;
  lifetimeMs?: number;
}): string {
  const { member, nowMs } = input;
  const lifetimeMs = Math.min(input.lifetimeMs ?? CREDENTIAL_LIFETIME_MS, CREDENTIAL_LIFETIME_MS);
  const claims: MembershipClaims = {
    iss: input.org,
    sub: member.subject,
    role: member.role,
    department: member.department,
    agent: member.agentId,
    cnf: { jkt: thumbprintOf(jwkOfAgentId(member.agentId)) },
    seal: member.seal,
    iat: Math.floor(nowMs / 1000),
    exp: Math.floor((nowMs + lifetimeMs) / 1000),
    jti: newUuid(nowMs, input.random),
  };
  return signJws({ typ: TYP, payload: claims, signer: input.signer });
}

/**
 * Checks a membership credential against the newest bundle's manifest: issuer named there and not revoked, same organisation, bound to
 * its own
 * agent key, in time (leeway 120 s), nobody in it revoked; with `agentId`, held by exactly that agent.
 * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CLOCK_SKEW, NOT_A_MEMBER (another organisation), REVOKED
 */
export function verifyMembership(input: { jwt: string; manifest: MembershipTrust; nowMs: number; agentId?: string }): MembershipClaims {
  const { manifest } = input;
  const issuer = claimedKeyOf(input.jwt, MAX_BYTES);
  if (manifest.revocations.keys.includes(issuer)) throw revoked("The key that issued this membership credential");
  const claims = readClaims(verifyJws({ jws: input.jwt, typ: TYP, keys: manifest.issuers, maxBytes: MAX_BYTES }));
  if (claims.iss !== manifest.org) throw new GaggleError("NOT_A_MEMBER", "The membership credential is of another organisation.");
  checkBinding(claims, input.agentId);
  checkTimes(claims, input.nowMs);
  checkRevocation(claims, manifest);
  return claims;
}

/**
 * Checks that an issuer's word is enough for this agent. For people on the roster (approvers, and whoever the root key's holder has pinned) it is not: their
 * agents are named by the roster, so that no issuer, nor who took its key, can admit another in their name.
 * @throws GaggleError AGENT_NOT_PINNED
 */
export function checkPinned({ sub, agent }: Pick<MembershipClaims, "sub" | "agent">, { approvers, agents = [] }: Roster): void {
  const pinned = agents.filter(({ subject }) => subject === sub);
  if (pinned.length === 0 && approvers.every(({ subject }) => subject !== sub)) return;
  const key = thumbprintOf(jwkOfAgentId(agent));
  if (pinned.some((one) => one.key === key)) return;
  throw new GaggleError(
    "AGENT_NOT_PINNED",
    `${sub} is on the roster, and this agent is not named there. An admin adds it: gaggle org pin --user ${sub} --agent ${agent}, then gaggle org sign --publish URL`,
  );
}

/** True where the manifest revokes the agent, its subject or its key. */
export const isRevoked = (member: { agentId: string; subject: string }, manifest: Pick<BundleManifest, "revocations">): boolean =>
  manifest.revocations.agents.includes(member.agentId) ||
  manifest.revocations.subjects.includes(member.subject) ||
  // Most organisations revoke no keys, and the thumbprint is the costly part of asking for every known agent.
  (manifest.revocations.keys.length > 0 && manifest.revocations.keys.includes(thumbprintOf(jwkOfAgentId(member.agentId))));

const revoked = (what: string): GaggleError => new GaggleError("REVOKED", `${what} has been revoked; ask an admin for a new invitation.`);

function readClaims(payload: unknown): MembershipClaims {
  const parsed = membershipClaims.safeParse(payload);
  if (!parsed.success)
    throw new GaggleError("CREDENTIAL_INVALID", "The membership credential lacks claims or has malformed ones; renew it.");
  return parsed.data;
}

function checkBinding(claims: MembershipClaims, agentId: string | undefined): void {
  const bound = claims.cnf.jkt === thumbprintOf(jwkOfAgentId(claims.agent));
  if (!bound || (agentId !== undefined && claims.agent !== agentId)) {
    throw new GaggleError("CREDENTIAL_INVALID", "The membership credential is bound to another agent's key.");
  }
}

function checkTimes(claims: MembershipClaims, nowMs: number): void {
  if (claims.exp <= claims.iat || (claims.exp - claims.iat) * 1000 > CREDENTIAL_LIFETIME_MS) {
    throw new GaggleError("CREDENTIAL_INVALID", "The membership credential's lifetime is longer than allowed; renew it.");
  }
  if (claims.iat * 1000 > nowMs + CLOCK_LEEWAY_MS) {
    throw new GaggleError("CLOCK_SKEW", "The membership credential is from the future; set this machine's and the issuer's clocks right.");
  }
  if (nowMs > claims.exp * 1000 + CLOCK_LEEWAY_MS) {
    throw new GaggleError(
      "CREDENTIAL_EXPIRED",
      "The membership credential has expired; it is renewed when the bootstrap node can be reached.",
    );
  }
}

function checkRevocation(claims: MembershipClaims, manifest: MembershipTrust): void {
  if (isRevoked({ agentId: claims.agent, subject: claims.sub }, manifest)) throw revoked("This member or its key");
}

type Place = Pick<Principal, "subject" | "role" | "department">;

/** Whether the signed org chart has the person in this role and department; the bootstrap node has a place of its own. */
export const holdsPlace = (who: Place, orgChart: OrgChart): boolean =>
  isPlace(who, BOOTSTRAP_PLACE) || orgChart.some(({ id, role, department }) => isPlace(who, { subject: id, role, department }));

const isPlace = (who: Place, place: Place): boolean =>
  who.subject === place.subject && who.role === place.role && who.department === place.department;
