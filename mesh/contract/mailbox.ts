/**
 * Sealed store-and-forward on the bootstrap node: what a deposit looks like in clear, what is in it, and what is signed about it.
 * Source: spec M5; docs/decisions/0087-mailbox.md
 */
import { z } from "zod";
import { x25519Jwk } from "./identity.ts";
import { agentId, orgId, sha256, uuid } from "./ids.ts";
import { MAX_MAIL_BYTES, MAX_MAIL_DEVICES, MIN_MAIL_BYTES } from "./limits.ts";

const base64url = (maxLength: number): z.ZodString =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .max(maxLength);

/** Length of `bytes` bytes as base64url without padding. */
const encodedLength = (bytes: number): number => Math.ceil((bytes * 4) / 3);

/**
 * The size that a content of `bytes` bytes is padded to before it is sealed: 4 KiB, and from there the next doubling, so that a deposit's size
 * tells its order of magnitude and no more. More than {@link MAX_MAIL_BYTES} where it is too large.
 */
export function mailSizeOf(bytes: number): number {
  let size = MIN_MAIL_BYTES;
  while (size < bytes) size *= 2;
  return size;
}

/**
 * What the bootstrap node keeps: JWE in its general JSON serialization (RFC 7516, 7.2.1). There is no room for anything else in clear; the
 * recipients are in the order of the deposit's `to`.
 */
export const sealedMail = z.strictObject({
  protected: base64url(400),
  iv: base64url(16),
  ciphertext: base64url(encodedLength(MAX_MAIL_BYTES)),
  tag: base64url(22),
  recipients: z
    .array(z.strictObject({ encrypted_key: base64url(54), header: z.strictObject({ epk: x25519Jwk }).optional() }))
    .min(1)
    .max(MAX_MAIL_DEVICES),
});
/** What the bootstrap node keeps. */
export type SealedMail = z.infer<typeof sealedMail>;

/** What is sealed: for each device its own envelope (compact JWS), signed by the sender. `pad` fills up to the size class. */
export const mailContent = z.strictObject({
  v: z.literal(1),
  envelopes: z.array(z.strictObject({ to: agentId, jws: z.string() })).max(MAX_MAIL_DEVICES),
  pad: z.string(),
});
/** What is sealed. */
export type MailContent = z.infer<typeof mailContent>;

/** What the node signs about a deposit (compact JWS, `typ` "gaggle-deposit+jws", by its issuer key). `at`: ms since the epoch; `sha256`: of the canonical JSON of the sealed mail. */
export const depositStamp = z.strictObject({
  v: z.literal(1),
  org: orgId,
  id: uuid,
  from: agentId,
  to: z.array(agentId).min(1).max(MAX_MAIL_DEVICES),
  at: z.int().min(0),
  sha256,
});
/** What the node signs about a deposit. */
export type DepositStamp = z.infer<typeof depositStamp>;

/** An agent's word about the key that its mail is sealed to (compact JWS, `typ` "gaggle-seal-key+jws", by its agent key). */
export const sealKeyStatement = z.strictObject({ v: z.literal(1), org: orgId, agent: agentId, seal: x25519Jwk });
/** An agent's word about the key that its mail is sealed to. */
export type SealKeyStatement = z.infer<typeof sealKeyStatement>;
