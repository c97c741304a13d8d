/** Routes of joining, tokens, credentials, bundles and revocations: what makes an agent a member and keeps it one, or ends it. */
import { z } from "zod";
import { signedBundle } from "../bundle.ts";
import { principal, x25519Jwk } from "../identity.ts";
import { slug } from "../ids.ts";
import { revocationJws } from "../revocation.ts";
import { signInGrant } from "../sign-in.ts";
import { compactJws, empty, route } from "./route.ts";

/** The rows. */
export const membershipRoutes = {
  join: route(
    "POST",
    "/api/v1/join",
    "proof",
    "Redeems an invitation: enrols the agent whose key is proven.",
    z.strictObject({
      invitation: compactJws,
      seal: x25519Jwk,
    }),
    z.object({ credential: compactJws, bundle: signedBundle, peers: z.array(z.string()) }),
    { codes: ["INVITATION_INVALID", "CONFLICT", "DISK_FULL"] },
  ),
  signInBegin: route(
    "POST",
    "/api/v1/sign-in",
    "proof",
    "Begins a sign-in for the agent whose key is proven: a challenge, and the root key's statement of the identity provider.",
    empty,
    z.object({ challenge: z.string().max(100), expiresAt: z.iso.datetime(), statement: z.string().max(65_536) }),
    { codes: ["NOT_FOUND", "BUNDLE_MISSING", "BUNDLE_EXPIRED"] },
  ),
  signInFinish: route(
    "POST",
    "/api/v1/sign-in/finish",
    "proof",
    "Redeems what the identity provider gave the agent, and enrols it; `pending` and `slow-down` as RFC 8628 has them.",
    z.strictObject({ challenge: z.string().min(1).max(100), seal: x25519Jwk, grant: signInGrant }),
    z.discriminatedUnion("status", [
      z.object({ status: z.literal("signed-in"), credential: compactJws, bundle: signedBundle, peers: z.array(z.string()) }),
      z.object({ status: z.enum(["pending", "slow-down"]) }),
    ]),
    { codes: ["SIGN_IN_FAILED", "UPSTREAM_FAILED", "NOT_FOUND", "REVOKED", "CONFLICT", "BUNDLE_MISSING", "BUNDLE_EXPIRED"] },
  ),
  token: route(
    "POST",
    "/api/v1/token",
    "proof",
    "Gives an enrolled agent an access token of at most 30 minutes.",
    empty,
    z.object({
      token: compactJws,
      expiresAt: z.iso.datetime(),
    }),
  ),
  credentials: route(
    "POST",
    "/api/v1/credentials",
    "token",
    "Renews the agent's membership credential with its current role.",
    empty,
    z.object({
      credential: compactJws,
    }),
  ),
  profile: route(
    "GET",
    "/api/v1/profiles/:role",
    "token",
    "The newest signed bundle of the caller's own role.",
    empty,
    z.object({ bundle: signedBundle, revocations: z.array(revocationJws).optional() }),
    { params: { role: slug } },
  ),
  publish: route(
    "POST",
    "/api/v1/bundles",
    "none",
    "Takes a newer bundle that the root key signed.",
    z.strictObject({ bundle: signedBundle }),
    z.object({
      role: z.string(),
      version: z.int(),
    }),
    { codes: ["BUNDLE_SIGNATURE", "CONFLICT", "CLOCK_SKEW", "DISK_FULL"] },
  ),
  revoke: route(
    "POST",
    "/api/v1/revocations",
    "none",
    "Takes a revocation that an admin key of the bundle signed; it counts at once.",
    z.strictObject({ statement: revocationJws }),
    z.object({ taken: z.boolean() }),
    { codes: ["CREDENTIAL_INVALID", "REVOKED", "NOT_A_MEMBER"] },
  ),
  revocations: route(
    "GET",
    "/api/v1/revocations",
    "export",
    "For members and admins: the newest manifest that the root key signed, and the admins' revocations on top of it.",
    empty,
    z.object({ manifest: z.string(), statements: z.array(revocationJws) }),
    { codes: ["BUNDLE_MISSING", "BUNDLE_EXPIRED"] },
  ),
  directory: route(
    "GET",
    "/api/v1/directory",
    "token",
    "Enrolled members that are not revoked.",
    empty,
    z.object({
      members: z.array(z.object({ ...principal.shape, title: z.string() })),
      peers: z.array(z.string()),
    }),
  ),
} as const;
