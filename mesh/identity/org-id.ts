/** The organisation's id: derived from its first root key, so that nobody can claim another's. */
import { createHash } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** `org_` and the first 26 characters (130 bits) of the lower-case base32 (RFC 4648) of SHA-256 over the root key's thumbprint. */
export function orgIdOf(rootThumbprint: string): string {
  let bits = 0;
  let held = 0;
  let text = "";
  for (const byte of createHash("sha256").update(rootThumbprint).digest()) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET[(bits >> held) & 31];
    }
    bits &= (1 << held) - 1;
  }
  return `org_${text.slice(0, 26)}`;
}
