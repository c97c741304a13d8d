/** Whether a number has the form and the check digits of its class, for the numbers that the frozen corpus uses. Written apart from the guard's rules. */
import { createHash } from "node:crypto";
import { luhn, mod11And10, remainder, verhoeff, weighted } from "../../guard/detect/checksums.ts";

/** Form of a number without separators, and its check. Without a check the scheme has no check digit. */
type Scheme = readonly [form: RegExp, check?: (digits: string) => boolean];

const sum11 = (weights: readonly number[]) => (digits: string) => weighted(digits, weights) % 11 === 0;
const DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE";
const HETU_SIGNS = "0123456789ABCDEFHJKLMNPRSTUVWXY";
const digitsIn = (value: string): string => value.replace(/\D/g, "");
const crossSum = (product: number): number => Math.floor(product / 10) + (product % 10);

/** Last digit of a number by weights counted from its first digit, in Brazil's way. */
function brazilian(digits: string, first: readonly number[], second: readonly number[]): boolean {
  const expected = (weights: readonly number[]): number => ((11 - (weighted(digits, weights) % 11)) % 11) % 10;
  return Number(digits.at(-2)) === expected(first) && Number(digits.at(-1)) === expected(second);
}

/** Italy's fiscal code: each odd place has a value of its own. */
function fiscalCode(code: string): boolean {
  const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
  const place = (sign: string): number => (/\d/.test(sign) ? Number(sign) : sign.charCodeAt(0) - 65);
  const total = Array.from(code.slice(0, 15)).reduce((sum, sign, i) => sum + (i % 2 === 0 ? (odd[place(sign)] ?? 0) : place(sign)), 0);
  return total % 26 === code.charCodeAt(15) - 65;
}

/** Germany's social-insurance number: the letter counts as its two-digit place in the alphabet, products by their cross sum. */
function germanPension(number: string): boolean {
  const digits = number.slice(0, 8) + String(number.charCodeAt(8) - 64).padStart(2, "0") + number.slice(9);
  const weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
  return weights.reduce((sum, weight, i) => sum + crossSum(weight * Number(digits[i])), 0) % 10 === Number(digits[12]);
}

const luhnOfDigits = (value: string): boolean => luhn(digitsIn(value));
const alternating = (digits: string): number =>
  [...digits].reduce((sum, digit, i) => sum + crossSum(Number(digit) * (i % 2 === 0 ? 1 : 2)), 0);

const NATIONAL: readonly Scheme[] = [
  [/^\d{2}[0-3]\d[01]\d{3}[A-Z]\d{3}$/, germanPension],
  [/^756\d{10}$/, (n) => [...n].reduce((sum, digit, i) => sum + Number(digit) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0],
  [/^\d{8}[A-Z]$/, (n) => n[8] === DNI_LETTERS[Number(n.slice(0, 8)) % 23]],
  [/^X\d{7}[A-Z]$/, (n) => n[8] === DNI_LETTERS[Number(n.slice(1, 8)) % 23]],
  [/^\d{9}$/, sum11([9, 8, 7, 6, 5, 4, 3, 2, -1])],
  [/^[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]$/, fiscalCode],
  [/^\d{11}$/, (n) => weighted(n, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0],
  [/^(?:19|20)?\d{10}$/, (n) => luhn(n.slice(-10))],
  [/^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/],
  [/^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/],
  [/^[2-9]\d{11}$/, verhoeff],
  [/^\d{11}$/, (n) => brazilian(n, [10, 9, 8, 7, 6, 5, 4, 3, 2], [11, 10, 9, 8, 7, 6, 5, 4, 3, 2])],
  [/^[12]\d{14}$/, (n) => 97 - remainder(n.slice(0, 13), 97) === Number(n.slice(13))],
  [/^\d{10}$/, sum11([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])],
  [/^\d{10}$/, (n) => weighted(n, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 === Number(n[3])],
  [/^\d{11}$/, (n) => 97 - remainder(n.slice(0, 9), 97) === Number(n.slice(9))],
  [/^\d{10}$/, sum11([4, 3, 2, 7, 6, 5, 4, 3, 2, 1])],
  [/^\d{11}$/, (n) => sum11([3, 7, 6, 1, 8, 9, 4, 5, 2, 1])(n) && sum11([5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1])(n)],
  [/^\d{9}[0-9A-Z]$/, (n) => n[9] === HETU_SIGNS[Number(n.slice(0, 9)) % 31]],
  [/^\d{6}\/\d{4}$/, (n) => remainder(digitsIn(n), 11) === 0],
  [/^\d{9}$/, luhn],
  [/^\d{9}$/, (n) => ((11 - (weighted(n, [9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11) % 10 === Number(n[8])],
];

const TAX: readonly Scheme[] = [
  [/^\d{11}$/, mod11And10],
  [/^DE\d{9}$/, (n) => mod11And10(digitsIn(n))],
  [/^(?:IT)?\d{11}$/, luhnOfDigits],
  [/^\d{9}$/, luhn],
  [/^FR\d{11}$/, (n) => remainder(`${n.slice(4)}12`, 97) === Number(n.slice(2, 4)) && luhn(n.slice(4))],
  [/^NL\d{9}B\d{2}$/, (n) => sum11([9, 8, 7, 6, 5, 4, 3, 2, -1])(n.slice(2, 11))],
  [/^(?:20|26|45|46|81|82)\d{7}$/],
  [/^[A-Z]{3}P[A-Z]\d{4}[A-Z]$/],
  [/^\d{8}\/\d{6}$/, (n) => brazilian(digitsIn(n), [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2], [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])],
  [/^CHE\d{9}$/, (n) => sum11([5, 4, 3, 2, 7, 6, 5, 4, 1])(digitsIn(n))],
  [/^GB\d{9}$/, (n) => (weighted(n.slice(2), [8, 7, 6, 5, 4, 3, 2]) + Number(n.slice(9))) % 97 === 0],
  [/^BE0\d{9}$/, (n) => 97 - remainder(n.slice(2, 10), 97) === Number(n.slice(10))],
  [/^ATU\d{8}$/, (n) => (96 - alternating(n.slice(3, 10))) % 10 === Number(n[10])],
  [/^DK\d{8}$/, (n) => sum11([2, 7, 6, 5, 4, 3, 2, 1])(n.slice(2))],
  [/^SE\d{10}01$/, (n) => luhn(n.slice(2, 12))],
  [/^\d{10}$/, sum11([6, 5, 7, 2, 3, 4, 5, 6, 7, -1])],
  [/^\d{10}$/, (n) => n[0] === "21987654321"[weighted(n, [0, 6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11]],
  [
    /^B\d{8}$/,
    (n) =>
      Array.from(n.slice(1, 8)).reduce((sum, digit, i) => sum + crossSum(Number(digit) * (i % 2 === 0 ? 2 : 1)), Number(n[8])) % 10 === 0,
  ],
  [/^\d{9}$/, sum11([1, 4, 3, 7, 5, 8, 6, 9, 10])],
  [/^\d{2}\/\d{3}\/\d{5}$/],
];

/** The number as letters and digits, letters of the country first: `IBAN` by ISO 13616. */
const iban = (value: string): boolean =>
  remainder(Array.from(value.slice(4) + value.slice(0, 4), (sign) => Number.parseInt(sign, 36)).join(""), 97) === 1;

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

/** Base58Check of 21 bytes, as Bitcoin's and Tron's addresses have it. */
function base58Check(address: string): boolean {
  const number = [...address].reduce((sum, sign) => sum * 58n + BigInt(BASE58.indexOf(sign)), 0n);
  const bytes = Buffer.from(number.toString(16).padStart(50, "0"), "hex");
  return sha256(sha256(bytes.subarray(0, 21)))
    .subarray(0, 4)
    .equals(bytes.subarray(21));
}

const BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const BECH32_GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** Bech32 (BIP 173) of a Bitcoin address. */
function bech32(address: string): boolean {
  const data = Array.from(address.slice(3), (sign) => BECH32.indexOf(sign));
  let check = 1;
  for (const value of [3, 3, 0, 2, 3, ...data]) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of BECH32_GENERATOR.entries()) if ((top >>> bit) & 1) check ^= generator;
  }
  return check === 1;
}

const CRYPTO: readonly Scheme[] = [
  [/^[13T][1-9A-HJ-NP-Za-km-z]{25,33}$/, base58Check],
  [/^bc1[a-z0-9]{39}$/, bech32],
  [/^0x[0-9a-fA-F]{40}$/],
];

const CLASSES: Readonly<Record<string, readonly Scheme[]>> = {
  IBAN: [[/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/, iban]],
  CARD: [[/^\d{14,16}$/, luhn]],
  NATIONAL_ID: NATIONAL,
  TAX_ID: TAX,
  CRYPTO,
};

/** Classes whose numbers can be checked. */
export const CHECKED_CLASSES = Object.keys(CLASSES);

/**
 * True where the value is a valid number of its class in one of the schemes.
 * @param label one of {@link CHECKED_CLASSES}
 * @param value as written, with its separators
 */
export const isValidNumber = (label: string, value: string): boolean => {
  const plain = value.replace(/[\s.-]/g, "");
  return (CLASSES[label] ?? []).some(([form, check]) => form.test(plain) && check?.(plain) !== false);
};
