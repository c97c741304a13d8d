/** Sign-in of people by the organisation's identity provider (OpenID Connect). Source: spec P2; docs/decisions/0106-sign-in.md. */
import { z } from "zod";
import { ed25519Jwk } from "./identity.ts";
import { orgId, slug } from "./ids.ts";
import { SIGN_IN_DAYS } from "./limits.ts";
import { isTrustworthyUrl } from "./loopback.ts";
import { isForbiddenHost } from "./safe-address.ts";

const claimName = z.string().min(1).max(200);
/** Signatures of ID tokens that can be believed: asymmetric ones only, so no key of ours or of the client can stand in for the provider's. */
const idTokenAlgorithm = z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]);

/** An address of the provider or of the loopback redirect: https, or http on this machine; no user, no fragment. */
const isSafeUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return isTrustworthyUrl(url) && !isForbiddenHost(url.hostname) && url.username === "" && url.password === "" && url.hash === "";
};
const isLoopbackUrl = (text: string): boolean => isSafeUrl(text) && new URL(text).protocol === "http:";

/** Who signs people in, and what it takes to be let in: `signIn:` of organisation.yaml, signed with the bundle. */
export const signInProvider = z.strictObject({
  /** The provider's issuer, exactly as its ID tokens name it. */
  issuer: z.string().max(500).refine(isSafeUrl, "an https address without user or fragment"),
  clientId: z.string().min(1).max(200),
  /** Where the browser comes back to. Without a port a free one is taken (RFC 8252, section 7.3). */
  redirectUri: z
    .string()
    .max(200)
    .refine(isLoopbackUrl, "an http address of this machine, such as http://127.0.0.1/callback")
    .default("http://127.0.0.1/callback"),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/))
    .max(20)
    .refine((scopes) => scopes.includes("openid"), "openid must be among them")
    .default(["openid", "profile", "email"]),
  /** Which claim is the person's id of the org chart; with `domain`, the part before `@domain`. */
  subject: z
    .strictObject({
      claim: claimName,
      domain: z
        .string()
        .regex(/^[a-z0-9.-]{1,253}$/, "a domain in lower case")
        .optional(),
    })
    .default({ claim: "preferred_username" }),
  /** Which claim holds the person's groups, and which roles each group lets in. Left out: the org chart alone decides. */
  groups: z.strictObject({ claim: claimName, roles: z.record(z.string().min(1).max(300), z.array(slug).min(1)) }).optional(),
  /** Claims that must have exactly this value, such as Google's `hd` or Entra's `tid`. */
  require: z.record(claimName, z.union([z.string(), z.boolean()])).default({}),
  algorithms: z.array(idTokenAlgorithm).min(1).default(["RS256", "PS256", "ES256", "EdDSA"]),
  /** Whether the device flow (RFC 8628) is allowed: whoever is talked into typing a stranger's code lets that stranger in. */
  device: z.boolean().default(false),
  /** Days for which one sign-in counts; then the person has to sign in again. */
  days: z.int().min(1).max(30).default(SIGN_IN_DAYS),
});
/** Who signs people in, and what it takes to be let in. */
export type SignInProvider = z.infer<typeof signInProvider>;

/**
 * What the root key tells those who are no members yet: whom to sign in with. Payload of a compact JWS (EdDSA, `typ` "gaggle-sign-in+jws"); a file of
 * every bundle, and the one part of it that strangers may read.
 */
export const signInStatement = z.strictObject({
  v: z.literal(1),
  org: orgId,
  version: z.int().min(1),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  root: ed25519Jwk,
  provider: signInProvider,
});
/** What the root key tells those who are no members yet. */
export type SignInStatement = z.infer<typeof signInStatement>;

/** What the provider gave to the agent, for the node to redeem: never a token. */
export const signInGrant = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("code"),
    code: z.string().min(1).max(4_096),
    /** `iss` of the answer (RFC 9207), where the provider sent one. */
    iss: z.string().max(500).optional(),
    /** PKCE (RFC 7636). */
    verifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/),
    redirectUri: z.string().max(200).refine(isLoopbackUrl),
  }),
  z.strictObject({ type: z.literal("device"), deviceCode: z.string().min(1).max(4_096) }),
]);
/** What the provider gave to the agent. */
export type SignInGrant = z.infer<typeof signInGrant>;

/** Path of the statement in a bundle. */
export const SIGN_IN_FILE = "sign-in.jws";
