/** Keys, credentials, tokens and invitations as they travel. Source: design, Trust. */
import { z } from "zod";
import { agentId, orgId, slug, subjectId, thumbprint, uuid } from "./ids.ts";

/** Public Ed25519 key as JWK (RFC 8037). */
export const ed25519Jwk = z.strictObject({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });
/** Public Ed25519 key as JWK (RFC 8037). */
export type Ed25519Jwk = z.infer<typeof ed25519Jwk>;

/** Public X25519 key as JWK (RFC 8037); receives sealed mail. */
export const x25519Jwk = z.strictObject({ kty: z.literal("OKP"), crv: z.literal("X25519"), x: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });

/** Role of the bootstrap node as a peer: a member for finding others, no colleague to ask. */
export const BOOTSTRAP_ROLE = "bootstrap";
/** The only place that a credential of that role can have: it is in no org chart. */
export const BOOTSTRAP_PLACE = { subject: "bootstrap", role: BOOTSTRAP_ROLE, department: "platform" } as const;

/** Who acts: one agent of one subject in one role. */
export const principal = z.strictObject({ agentId, subject: subjectId, role: slug, department: slug });
/** Who acts: one agent of one subject in one role. */
export type Principal = z.infer<typeof principal>;

/**
 * Claims of a membership credential: a JWT (EdDSA, `typ` "gaggle-membership+jwt") by an issuer key that the signed bundle names.
 * `iat`, `exp` in seconds. `cnf.jkt` is the thumbprint of the agent's Ed25519 key.
 */
export const membershipClaims = z.object({
  iss: orgId,
  sub: subjectId,
  role: slug,
  department: slug,
  agent: agentId,
  cnf: z.object({ jkt: thumbprint }),
  seal: x25519Jwk,
  iat: z.int(),
  exp: z.int(),
  jti: uuid,
});
/** Claims of a membership credential. */
export type MembershipClaims = z.infer<typeof membershipClaims>;

/** Claims of an access token for the bootstrap node's API (JWT, EdDSA, `typ` "at+jwt"), at most 30 minutes. */
export const accessClaims = z.object({
  iss: orgId,
  aud: z.literal("gaggle-bootstrap"),
  sub: subjectId,
  role: slug,
  agent: agentId,
  cnf: z.object({ jkt: thumbprint }),
  iat: z.int(),
  exp: z.int(),
  jti: uuid,
});
/** Claims of an access token. */
export type AccessClaims = z.infer<typeof accessClaims>;

/** Claims of an invitation: a JWS by an admin key that the signed bundle names. One-time (`jti`). Times in seconds. */
export const invitationClaims = z.strictObject({
  org: orgId,
  role: slug,
  sub: subjectId,
  jti: uuid,
  iat: z.int(),
  exp: z.int(),
});
/** Claims of an invitation. */
export type InvitationClaims = z.infer<typeof invitationClaims>;

/** SHA-256 of a TLS key's SubjectPublicKeyInfo (DER), base64url: which key the bootstrap node's certificate has, whoever signed it. */
export const tlsPin = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "a TLS pin has 43 base64url characters");

/** What the fragment of a join link without invitation holds (base64url of its JSON): whom to trust; nothing in it is secret. */
export const joinLinkContent = z.strictObject({ v: z.literal(1), org: orgId, rootFingerprint: thumbprint, tlsPin: tlsPin.optional() });
/** What the fragment of a join link without invitation holds. */
export type JoinLinkContent = z.infer<typeof joinLinkContent>;

/**
 * What the fragment of an invitation link holds (base64url of its JSON): the bootstrap node never sees it.
 * `pseudonymKey` is the tenant's key for pseudonyms of this epoch: 32 bytes, base64url.
 */
export const invitationSecret = z.strictObject({
  v: z.literal(1),
  jws: z.string().max(4_096),
  rootFingerprint: thumbprint,
  pseudonymEpoch: z.int().min(1),
  pseudonymKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  tlsPin: tlsPin.optional(),
});
/** What the fragment of an invitation link holds. */
export type InvitationSecret = z.infer<typeof invitationSecret>;
