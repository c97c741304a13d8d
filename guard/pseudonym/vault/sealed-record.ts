/** Authenticated encryption of what the vault writes: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { GaggleError } from "../../../mesh/contract/errors.ts";
import type { Random } from "../../../mesh/contract/ports.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = "aes-256-gcm";

/**
 * Encrypts.
 * @param context says what and where this is; only the same context opens it, so records can't change places
 * @returns base64url of nonce, ciphertext and tag
 */
export function sealRecord(key: Uint8Array, context: string, plain: Uint8Array, random: Random): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64url");
}

/** Decrypts. @throws GaggleError GUARD_REFUSED where it was changed, cut short, moved, or written under another key */
export function openRecord(key: Uint8Array, context: string, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, "base64url");
  try {
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw unreadableMap(cause);
  }
}

/** The error for a kept map that can't be believed. */
export const unreadableMap = (cause?: unknown): GaggleError =>
  new GaggleError(
    "GUARD_REFUSED",
    "The kept map of this session can't be read: it was changed, or belongs to another vault key. Start a new session; the others are not touched.",
    cause === undefined ? {} : { cause },
  );
