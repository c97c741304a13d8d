/** Payment card numbers: Luhn, and the lengths that the number's issuer range has. Source: ISO/IEC 7812, public issuer ranges. */
import { luhn } from "../checksums.ts";
import { ENDS, type Part, type Rule, STARTS, wholeIf } from "../rule.ts";

/** Issuer range (start of the number) and the lengths in use. */
const RANGES: readonly (readonly [prefix: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65)/, [16, 17, 18, 19]],
  [/^3(?:0[0-5]|095|[689])/, [14, 16, 17, 18, 19]],
  [/^35(?:2[89]|[3-8])/, [16, 17, 18, 19]],
  [/^62/, [16, 17, 18, 19]],
  [/^(?:50|5[6-9]|6[0137-9])/, [12, 13, 14, 15, 16, 17, 18, 19]],
  [/^220[0-4]/, [16, 17, 18, 19]],
];

const inRange = (digits: string): boolean => RANGES.some(([prefix, lengths]) => prefix.test(digits) && lengths.includes(digits.length));
const sound = (digits: string): boolean => !/^(\d)\1*$/.test(digits) && luhn(digits);

/** True for the digits of a payment card. */
export const isCardNumber = (digits: string): boolean => inRange(digits) && sound(digits);

/** The longest beginning that is a card and ends with a group, so that `4111 1111 1111 1111 2026` gives the card without the year. */
function acceptGrouped(match: RegExpExecArray): Part | undefined {
  const text = match[0];
  let digits = text.replace(/\D/g, "");
  for (let end = text.length; digits.length >= 12; end -= 1) {
    if (!/\d/.test(text.charAt(end - 1))) continue;
    if (!/\d/.test(text.charAt(end)) && isCardNumber(digits)) return [0, end];
    digits = digits.slice(0, -1);
  }
  return undefined;
}

const DIGITS = String.raw`\d(?:[ .-]?\d){11,18}`;

const PATTERN = new RegExp(String.raw`(?<!\+ ?)${STARTS}${DIGITS}${ENDS}`, "gu");

/** Rules for payment card numbers. */
export const CARD_RULES: readonly Rule[] = [
  { label: "CARD", detector: "rule:card", score: 0.95, pattern: PATTERN, accept: acceptGrouped },
  {
    label: "CARD",
    detector: "rule:card-named",
    score: 0.9,
    pattern: PATTERN,
    accept: wholeIf(sound),
    context: /\b(?:cards?|credit|debit|pan|visa|mastercard|amex|kreditkarte|kartennummer|tarjeta|carte|carta|kort|cc)\b/,
  },
];
