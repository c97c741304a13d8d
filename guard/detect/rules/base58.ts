/** Check sums of coin addresses. Source: Bitcoin's Base58Check; BIP-173 (bech32) and BIP-350 (bech32m). */
import { createHash } from "node:crypto";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const BECH32_SUMS = new Set([1, 0x2bc830a3]);

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

/** The bytes of a Base58 text, or undefined where it has another character. Texts are short: the work is quadratic in them. */
function decode(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const character of text) {
    let carry = ALPHABET.indexOf(character);
    if (carry < 0) return undefined;
    for (let i = 0; i < bytes.length; i += 1) {
      carry += (bytes[i] ?? 0) * 58;
      bytes[i] = carry & 0xff;
      carry >>= 8;
    }
    while (carry > 0) {
      bytes.push(carry & 0xff);
      carry >>= 8;
    }
  }
  const zeros = /^1*/.exec(text)?.[0].length ?? 0;
  return Uint8Array.from([...Array.from({ length: zeros }, () => 0), ...bytes.reverse()]);
}

/** True where the last four bytes are the beginning of the double SHA-256 of the others. */
export function isBase58Check(text: string): boolean {
  const bytes = decode(text);
  if (bytes === undefined || bytes.length < 21) return false;
  return sha256(sha256(bytes.subarray(0, -4)))
    .subarray(0, 4)
    .equals(bytes.subarray(-4));
}

const step = (sum: number, value: number): number => {
  const top = sum >>> 25;
  return GENERATORS.reduce((rest, generator, i) => (((top >>> i) & 1) === 1 ? rest ^ generator : rest), ((sum & 0x1ffffff) << 5) ^ value);
};

/** True for a bech32 or bech32m text with a right check sum; not in mixed case. */
export function isBech32(text: string): boolean {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) return false;
  const parting = lower.lastIndexOf("1");
  const data = Array.from(lower.slice(parting + 1), (character) => BECH32.indexOf(character));
  if (parting < 1 || data.length < 6 || data.includes(-1)) return false;
  const prefix = Array.from(lower.slice(0, parting), (character) => character.charCodeAt(0));
  const values = [...prefix.map((code) => code >> 5), 0, ...prefix.map((code) => code & 31), ...data];
  return BECH32_SUMS.has(values.reduce(step, 1));
}
