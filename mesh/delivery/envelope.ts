/** Envelopes: signed by the sender's agent key, with its membership credential inside, so that they prove themselves however they travelled. */
import { z } from "zod";
import type { ArtifactRef } from "../contract/artifact.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import type { MembershipClaims, Principal } from "../contract/identity.ts";
import { sha256Hex } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS, ENVELOPE_LIFETIME_MS, MAX_FRAME_BYTES } from "../contract/limits.ts";
import { type EnvelopeClaims, envelopeClaims, type Message } from "../contract/message.ts";
import type { PolicyDecision, Signer } from "../contract/ports.ts";
import { readWire } from "../contract/wire.ts";
import { openJws, signJwsAsMade, type UnverifiedJws, unverifiedPayloadOf } from "../identity/jws.ts";
import { jwkOfAgentId, type VerifyingKey, verifyingKeyOf } from "../identity/keys.ts";

const TYP = "gaggle-envelope+jws";
/** Senders whose keys and verified credentials are kept; a company has fewer active peers of one agent. */
const MAX_SENDERS = 2_048;

/**
 * Signs an envelope.
 * @returns the frame: the compact JWS as ASCII bytes
 * @throws GaggleError TOO_LARGE where it would not fit a frame
 */
export function sealEnvelope(claims: EnvelopeClaims, signer: Signer): Uint8Array {
  const frame = Buffer.from(signJwsAsMade({ typ: TYP, payload: claims, signer }));
  if (frame.length > MAX_FRAME_BYTES) {
    const details = { bytes: frame.length, maxBytes: MAX_FRAME_BYTES };
    throw new GaggleError("TOO_LARGE", "The message is too large to be sent; shorten its text or context.", { details });
  }
  return frame;
}

/** What opening envelopes needs. */
export interface EnvelopeDeps {
  /**
   * Checks a membership credential against the newest bundle.
   * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CLOCK_SKEW, NOT_A_MEMBER, REVOKED
   */
  verifyCredential(jwt: string, agentId: string, nowMs: number): MembershipClaims;
  /** Changes whenever issuers or revocations do; credentials verified before are then verified again. */
  trustVersion(): string;
  /** Minor version of the wire that an agent knows; undefined where it told none. Left out, nobody is newer. */
  wireOf?(agentId: string): number | undefined;
}

/** An envelope that was believed. */
export interface OpenedEnvelope {
  readonly claims: EnvelopeClaims;
  readonly member: MembershipClaims;
  /** Bytes of the frame. */
  readonly bytes: number;
  /** When the bootstrap node took it as a deposit, ms since the epoch; there where it came from the mailbox. */
  readonly depositedAt?: number;
  /** What was done with its sealed values, for the audit; the claims hold the message as restored. */
  readonly restored?: RestoreNote;
  /** What its sender's guard should have masked and this agent's did: details of the audit event. */
  readonly withheld?: AuditDraft["details"];
  /** What this agent's guard found in it; there where it came from another department and asks for something. */
  readonly found?: FoundClasses;
  /** The files of the message as they were approved, as its sender says; there where it was opened and they were masked on their way. */
  readonly approvedFiles?: readonly ArtifactRef[];
  /** Classes in what was approved; there where approvals came with it and this agent's guard looked. */
  readonly approved?: readonly string[];
}

/** Classes in a message, in order: all of them, and those that came unmasked. */
export interface FoundClasses {
  readonly classes: readonly string[];
  readonly unmasked: readonly string[];
}

/** The message as those saw it who approved it: with its files as they were before they were masked. */
export const messageAsApproved = ({ claims: { message }, approvedFiles }: Pick<OpenedEnvelope, "approvedFiles" | "claims">): Message =>
  message.type === "task.request" && approvedFiles !== undefined ? { ...message, artifacts: [...approvedFiles] } : message;

/** Who sent an envelope, by its membership credential. */
export const senderOf = ({ claims, member }: Pick<OpenedEnvelope, "claims" | "member">): Principal => ({
  agentId: claims.from,
  subject: member.sub,
  role: member.role,
  department: member.department,
});

/** Whether policy let the values of a message be restored, and how many of each class there are. */
export interface RestoreNote {
  readonly decision: PolicyDecision;
  readonly redactions: readonly { readonly class: string; readonly count: number }[];
  /** Classes that were not put back. */
  readonly withheld?: readonly string[];
  /** Values that held another class than their sender named, such as `ORG>IBAN`. */
  readonly misnamed?: readonly string[];
}

const invalid = (problem: string, cause?: unknown): GaggleError =>
  new GaggleError("ENVELOPE_INVALID", `The message is not valid: ${problem}.`, cause === undefined ? {} : { cause });

function readEnvelope(jws: string, wireOf: EnvelopeDeps["wireOf"]): { unverified: UnverifiedJws; claims: EnvelopeClaims } {
  try {
    const unverified = openJws(jws);
    // Who it says that it is from decides only whether fields that nobody here knows are dropped; whether it is, is checked after that.
    const { from } = z.looseObject({ from: z.string() }).parse(unverified.payload);
    return { unverified, claims: readWire(envelopeClaims, unverified.payload, wireOf?.(from) ?? 0) };
  } catch {
    // Also catches the stack overflow of JSON nested without end. Without the cause: it may quote the message.
    throw invalid("it is malformed");
  }
}

function checkAddress(claims: EnvelopeClaims, config: { self: string; org: string }): void {
  if (claims.org !== config.org) throw invalid("it is of another organisation");
  if (claims.to !== config.self) throw invalid("it is meant for another agent");
  if (claims.from === config.self) throw invalid("it says that it comes from this agent itself");
}

function checkTimes({ ts, exp }: EnvelopeClaims, nowMs: number): void {
  if (exp <= ts || exp - ts > ENVELOPE_LIFETIME_MS) throw invalid("its lifetime is longer than allowed");
  if (ts > nowMs + CLOCK_LEEWAY_MS) {
    const details = { aheadMs: ts - nowMs, leewayMs: CLOCK_LEEWAY_MS };
    throw new GaggleError("CLOCK_SKEW", "The message is from the future; set the clocks of both machines right.", { details });
  }
  if (nowMs >= exp) throw new GaggleError("ENVELOPE_EXPIRED", "The message came after its expiry; send it again.");
}

/** Checks signatures by senders' agent keys; keys of those who signed well are kept ready. */
function createSignatureCheck(): (unverified: UnverifiedJws, from: string) => void {
  let ready = new Map<string, VerifyingKey>();
  return (unverified, from) => {
    try {
      const key = ready.get(from) ?? verifyingKeyOf(jwkOfAgentId(from));
      unverified.assertSigned(TYP, key);
      if (ready.size >= MAX_SENDERS) ready = new Map();
      ready.set(from, key);
    } catch (cause) {
      throw invalid("it is not signed by the agent that it names as its sender", cause);
    }
  };
}

/**
 * Makes the function that opens envelopes for one agent. Checks size, shape, organisation, recipient, times, the sender's signature (its key is in
 * its agent id), and the membership credential, which is remembered by its hash until it expires or trust changes. Replay is the receiver's to check.
 * @returns `open(frame, nowMs, memberAtMs)`: membership counts at `memberAtMs` (default now; of a deposit the time that the node signed). It throws GaggleError TOO_LARGE, ENVELOPE_INVALID, ENVELOPE_EXPIRED, CLOCK_SKEW or what `verifyCredential` throws
 */
export function createEnvelopeOpener(deps: EnvelopeDeps, config: { self: string; org: string }) {
  let verified = new Map<string, MembershipClaims>();
  let version: string | undefined;
  const checkSignature = createSignatureCheck();

  const memberOf = (jwt: string, agentId: string, nowMs: number): MembershipClaims => {
    const current = deps.trustVersion();
    if (current !== version || verified.size >= MAX_SENDERS) verified = new Map();
    version = current;
    const key = `${agentId} ${sha256Hex(jwt)}`;
    const known = verified.get(key);
    if (known !== undefined && nowMs < known.exp * 1_000) return known;
    const claims = deps.verifyCredential(jwt, agentId, nowMs);
    verified.set(key, claims);
    return claims;
  };

  return (frame: Uint8Array, nowMs: number, memberAtMs?: number): OpenedEnvelope => {
    if (frame.length > MAX_FRAME_BYTES) throw new GaggleError("TOO_LARGE", "The message is larger than a frame may be.");
    const jws = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString("latin1");
    const { unverified, claims } = readEnvelope(jws, deps.wireOf);
    checkAddress(claims, config);
    checkTimes(claims, nowMs);
    checkSignature(unverified, claims.from);
    const { credential, from } = claims;
    const member = memberAtMs === undefined ? memberOf(credential, from, nowMs) : deps.verifyCredential(credential, from, memberAtMs);
    return { claims, member, bytes: frame.length };
  };
}

/** The id that a frame claims to have, before any check; undefined where it is no envelope. Only for saying which message was refused. */
export function claimedIdOf(frame: Uint8Array): string | undefined {
  try {
    const claimed = envelopeClaims
      .pick({ id: true })
      .loose()
      .parse(unverifiedPayloadOf(Buffer.from(frame).toString("latin1")));
    return claimed.id;
  } catch {
    return undefined;
  }
}
