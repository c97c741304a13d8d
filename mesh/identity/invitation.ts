/** One-time invitations: a link whose fragment (which no server sees) carries all that a new agent needs to know whom to trust. */
import type { BundleManifest } from "../contract/bundle.ts";
import { GaggleError } from "../contract/errors.ts";
import { type InvitationClaims, invitationClaims, type InvitationSecret, invitationSecret } from "../contract/identity.ts";
import { newUuid } from "../contract/ids.ts";
import { isForbiddenHost } from "../contract/safe-address.ts";
import { CLOCK_LEEWAY_MS, INVITATION_LIFETIME_MS } from "../contract/limits.ts";
import { isTrustworthyUrl } from "../contract/loopback.ts";
import type { Random, Signer } from "../contract/ports.ts";
import { claimedKeyOf, signJws, unverifiedPayloadOf, verifyJws } from "./jws.ts";

const TYP = "gaggle-invitation+jws";
const MAX_JWS_BYTES = 4_096;
/** Longest invitation link, in characters. */
const MAX_LINK_LENGTH = 8_192;

/** An invitation as the invited machine reads it; `claims` are believed only once the bundle has come and fits the fingerprint. */
export interface Invitation {
  /** Where the bootstrap node is: `scheme://host:port`. */
  readonly baseUrl: string;
  readonly claims: InvitationClaims;
  readonly secret: InvitationSecret;
}

const invalid = (problem: string): GaggleError =>
  new GaggleError("INVITATION_INVALID", `The invitation ${problem}. Copy the whole link again or ask the admin for a new one.`);

/**
 * Makes an invitation link.
 * @param input `baseUrl` of the bootstrap node (plain http only on this machine); `signer`: an admin key that the bundle names;
 *   `lifetimeMs`: default 7 days
 */
export function createInvitation(input: {
  baseUrl: string;
  org: string;
  role: string;
  subject: string;
  rootFingerprint: string;
  pseudonymEpoch: number;
  pseudonymKey: string;
  signer: Signer;
  nowMs: number;
  random: Random;
  lifetimeMs?: number;
  /** Pin of the node's TLS key, where its certificate is its own. */
  tlsPin?: string;
}): string {
  const iat = Math.floor(input.nowMs / 1000);
  const claims: InvitationClaims = {
    org: input.org,
    role: input.role,
    sub: input.subject,
    jti: newUuid(input.nowMs, input.random),
    iat,
    exp: iat + Math.floor((input.lifetimeMs ?? INVITATION_LIFETIME_MS) / 1000),
  };
  const secret: InvitationSecret = {
    v: 1,
    jws: signJws({ typ: TYP, payload: claims, signer: input.signer }),
    rootFingerprint: input.rootFingerprint,
    pseudonymEpoch: input.pseudonymEpoch,
    pseudonymKey: input.pseudonymKey,
    ...(input.tlsPin === undefined ? {} : { tlsPin: input.tlsPin }),
  };
  return `${checkBaseUrl(input.baseUrl)}/join#${Buffer.from(JSON.stringify(secret)).toString("base64url")}`;
}

/**
 * Takes an invitation link apart; checks its form, not its signature.
 * @throws GaggleError INVITATION_INVALID
 */
export function parseInvitation(link: string): Invitation {
  if (link.length > MAX_LINK_LENGTH) throw invalid("is too long to be one");
  const parts = /^(https?:\/\/[^/#?]+)\/join#([A-Za-z0-9_-]+)$/.exec(link.trim());
  if (parts?.[1] === undefined || parts[2] === undefined) throw invalid("is not a link of the form http(s)://host:port/join#…");
  const secret = readSecret(parts[2]);
  return { baseUrl: checkBaseUrl(parts[1]), claims: readClaims(() => unverifiedPayloadOf(secret.jws, MAX_JWS_BYTES)), secret };
}

/**
 * Checks an invitation as the bootstrap node does: signed by an admin key of the current bundle, for this organisation, in time.
 * Whether it was redeemed already is the caller's to check.
 * @throws GaggleError INVITATION_INVALID
 */
export function verifyInvitation(input: {
  jws: string;
  manifest: Pick<BundleManifest, "org" | "admins" | "revocations">;
  nowMs: number;
}): InvitationClaims {
  const { manifest, nowMs } = input;
  const claims = readClaims(() => {
    if (manifest.revocations.keys.includes(claimedKeyOf(input.jws, MAX_JWS_BYTES))) throw invalid("was signed by a revoked admin key");
    return verifyJws({ jws: input.jws, typ: TYP, keys: manifest.admins, maxBytes: MAX_JWS_BYTES });
  });
  if (claims.org !== manifest.org) throw invalid("is for another organisation");
  if (claims.iat * 1000 > nowMs + CLOCK_LEEWAY_MS) throw invalid("is from the future; check the clocks");
  if (nowMs > claims.exp * 1000) throw invalid("has expired");
  return claims;
}

/**
 * A base URL without a trailing slash; plain http only where it never leaves the machine.
 * @throws GaggleError INVITATION_INVALID
 */
export function checkBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && (url.protocol === "https:" || url.protocol === "http:") && url.username === "" && url.password === "";
  if (plain && isForbiddenHost(url.hostname))
    throw invalid("names an address that is no bootstrap node's, but a cloud's metadata service's or its like");
  if (!plain || url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw invalid("needs the bootstrap node's address as http(s)://host:port");
  }
  if (!isTrustworthyUrl(url)) throw invalid("uses plain http to another machine; the bootstrap node needs https there");
  return url.origin;
}

function readSecret(fragment: string): InvitationSecret {
  try {
    return invitationSecret.parse(JSON.parse(Buffer.from(fragment, "base64url").toString("utf8")));
  } catch {
    // Without the cause: the parser would quote the secret.
    throw invalid("is damaged");
  }
}

function readClaims(read: () => unknown): InvitationClaims {
  try {
    return invitationClaims.parse(read());
  } catch (cause) {
    if (cause instanceof GaggleError && cause.code === "INVITATION_INVALID") throw cause;
    throw new GaggleError(
      "INVITATION_INVALID",
      "The invitation is not signed by an admin of this organisation; ask the admin for a new one.",
      { cause },
    );
  }
}
