/** Makes a token's code from a value and a key. HMAC-SHA-256; 50 bits of it are kept. */
import { createHmac } from "node:crypto";
import { ALPHABET, CODE_LENGTH, FAMILY_LENGTH, isMixed, type TokenClass } from "./token-form.ts";

const base32 = (bytes: Uint8Array, length: number): string => Array.from(bytes.subarray(0, length), (byte) => ALPHABET[byte & 31]).join("");

const mac = (key: Uint8Array, parts: readonly string[]): Uint8Array => createHmac("sha256", key).update(parts.join("\0")).digest();

/** The family part: the same for every written form of a value. */
function family(key: Uint8Array, tokenClass: TokenClass, normalised: string): string {
  for (let round = 0; ; round += 1) {
    const code = base32(mac(key, ["gaggle-token-v1", tokenClass, String(round), normalised]), FAMILY_LENGTH);
    if (isMixed(code)) return code;
  }
}

/** What a token is made from. */
export interface TokenSource {
  readonly tokenClass: TokenClass;
  /** The value as compared; all with the same one are of one family. */
  readonly normalised: string;
  /** The text as written. */
  readonly surface: string;
  /** Counts up where another written form has the token already. */
  readonly attempt: number;
}

/**
 * The token for one written form of a value.
 * @param key the tenant's epoch key for stable classes, the session's own for the others
 */
export function makeToken(key: Uint8Array, { tokenClass, normalised, surface, attempt }: TokenSource): string {
  const form = base32(mac(key, ["gaggle-form-v1", tokenClass, String(attempt), surface]), CODE_LENGTH - FAMILY_LENGTH);
  return `${tokenClass}_${family(key, tokenClass, normalised)}${form}`;
}
