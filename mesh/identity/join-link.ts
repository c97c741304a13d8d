/** Join links without invitation, for people who sign in: where the bootstrap node is, and whom to trust. Not secret, not one-time. */
import { GaggleError } from "../contract/errors.ts";
import { type JoinLinkContent, joinLinkContent, tlsPin } from "../contract/identity.ts";
import { thumbprint } from "../contract/ids.ts";
import { checkBaseUrl } from "./invitation.ts";

const MAX_LINK_LENGTH = 2_048;

/** Where to join, and what is known of it beforehand. */
export interface JoinTarget {
  readonly baseUrl: string;
  readonly rootFingerprint: string;
  /** Left out where only an address and a fingerprint were given. */
  readonly org?: string;
  readonly tlsPin?: string;
}

/** Makes a link. @throws GaggleError INVITATION_INVALID for a bad address */
export const createJoinLink = ({ baseUrl, ...content }: { baseUrl: string } & Omit<JoinLinkContent, "v">): string =>
  `${checkBaseUrl(baseUrl)}/join#${Buffer.from(JSON.stringify({ v: 1, ...content })).toString("base64url")}`;

/**
 * Reads a join link, or an address with the root's fingerprint beside it.
 * @param beside what the person gave as options; where the link says something too, both must be the same
 * @throws GaggleError INVITATION_INVALID, INVALID_INPUT where the fingerprint is missing
 */
export function parseJoinTarget(text: string, beside: { root?: string; pin?: string } = {}): JoinTarget {
  const given = text.trim();
  if (given.length > MAX_LINK_LENGTH) throw invalid("The join link is too long to be one; copy it again.");
  const [address = "", fragment] = given.split("#", 2);
  const root = read(thumbprint, beside.root, "--root is no fingerprint: it has 43 letters, digits, dashes and underscores.");
  const pin = read(tlsPin, beside.pin, "--pin is no pin: it has 43 letters, digits, dashes and underscores.");
  const content = fragment === undefined ? undefined : readContent(fragment);
  const rootFingerprint = content?.rootFingerprint ?? root;
  if (rootFingerprint === undefined) {
    throw new GaggleError(
      "INVALID_INPUT",
      "Whom to trust is missing: ask your admin for the join link (gaggle org link), or give the root key's fingerprint with --root.",
    );
  }
  if (root !== undefined && root !== rootFingerprint)
    throw invalid("--root is another fingerprint than the link's; ask your admin which is right.");
  const pinned = pin ?? content?.tlsPin;
  return {
    baseUrl: checkBaseUrl(fragment === undefined ? address : address.replace(/\/join$/, "")),
    rootFingerprint,
    ...(content === undefined ? {} : { org: content.org }),
    ...(pinned === undefined ? {} : { tlsPin: pinned }),
  };
}

/** True for a join link without invitation, so that somebody who left out `--sign-in` is told so. */
export function isJoinLink(text: string): boolean {
  const [, fragment] = text.trim().split("#", 2);
  try {
    return fragment !== undefined && readContent(fragment) !== undefined;
  } catch {
    return false;
  }
}

const invalid = (message: string): GaggleError => new GaggleError("INVITATION_INVALID", message);

function readContent(fragment: string): JoinLinkContent {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(fragment, "base64url").toString("utf8"));
  } catch {
    throw invalid("The join link is damaged; copy the whole link again.");
  }
  if (typeof value === "object" && value !== null && "jws" in value)
    throw invalid("This is an invitation: it needs no sign-in. Run `gaggle join` with it, without --sign-in.");
  const parsed = joinLinkContent.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid("The join link is damaged; copy the whole link again.");
}

function read(schema: typeof thumbprint, text: string | undefined, problem: string): string | undefined {
  if (text === undefined || schema.safeParse(text).success) return text;
  throw new GaggleError("INVALID_INPUT", problem);
}
