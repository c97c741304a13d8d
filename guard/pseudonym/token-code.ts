/** Makes a token's code from a value and a key. HMAC-SHA-256; 50 bits of it are kept. */
import { createHmac } from "node:crypto";
import { ALPHABET, CODE_LENGTH, FAMILY_LENGTH, isMixed, type TokenClass } from "./token-form.ts";

const base32 = (bytes: Uint8Array, length: number): string => Array.from(bytes.subarray(0, length), (byte) => ALPHABET[byte & 31]).join("");

const mac = (key: Uint8Array, parts: readonly string[]): Uint8Array => createHmac("sha256", key).update(parts.join("\0")).digest();

/** The value as compared: e-mail addresses without regard to case, numbers without separators. */
export function normalise(tokenClass: TokenClass, value: string): string {
  if (tokenClass === "EMAIL") return value.normalize("NFC").toLowerCase();
  if (tokenClass === "SECRET" || tokenClass === "LITERAL") return value;
  return value
    .normalize("NFKC")
    .replace(/[^\p{L}\p{N}]/gu, "")
    .toUpperCase();
}

/** The family part: the same for every written form of a value. */
function family(key: Uint8Array, tokenClass: TokenClass, normalised: string): string {
  for (let round = 0; ; round += 1) {
    const code = base32(mac(key, ["gaggle-token-v1", tokenClass, String(round), normalised]), FAMILY_LENGTH);
    if (isMixed(code)) return code;
  }
}

/**
 * The token for one written form of a value.
 * @param key the tenant's epoch key for stable classes, the session's own for the others
 * @param attempt counts up where another written form has the token already
 */
export function makeToken(key: Uint8Array, tokenClass: TokenClass, value: string, surface: string, attempt: number): string {
  const shared = family(key, tokenClass, normalise(tokenClass, value));
  const form = base32(mac(key, ["gaggle-form-v1", tokenClass, String(attempt), surface]), CODE_LENGTH - FAMILY_LENGTH);
  return `${tokenClass}_${shared}${form}`;
}
