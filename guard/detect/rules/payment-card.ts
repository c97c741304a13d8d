/** Payment card numbers: Luhn, and the lengths that the number's issuer range has. Source: ISO/IEC 7812, public issuer ranges. */
import { luhn } from "../checksums.ts";
import { ENDS_NUMBER, type Part, type Rule, STARTS_NUMBER, wholeIf } from "../rule.ts";

/** Issuer range (start of the number) and the lengths in use. */
const RANGES: readonly (readonly [prefix: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65)/, [16, 19]],
  [/^3(?:0[0-5]|095|[689])/, [14, 16, 19]],
  [/^35(?:2[89]|[3-8])/, [16, 19]],
  [/^62/, [16, 17, 18, 19]],
  [/^(?:50|5[6-9]|6[0137-9])/, [16]],
  [/^220[0-4]/, [16]],
];
/** Lengths that ids of other kinds have too, so that the groups must be a card's or the context must say so. */
const RARE: typeof RANGES = [
  [/^4/, [13]],
  [/^(?:6011|64[4-9]|65|3(?:0[0-5]|095|[689]))/, [17, 18]],
  [/^(?:50|5[6-9]|6[0137-9])/, [12, 13, 14, 15, 17, 18, 19]],
  [/^220[0-4]/, [17, 18, 19]],
];
/** How cards print their groups. */
const PRINTED = new Set(["4-4-4-4", "4-6-5", "4-6-4", "4-4-4-4-3", "4-4-4-4-2", "4-4-4-4-1", "4-4-5", "6-13", "4-4-4", "4-5-6"]);

const inRange = (ranges: typeof RANGES, digits: string): boolean =>
  ranges.some(([prefix, lengths]) => lengths.includes(digits.length) && prefix.test(digits));
const sound = (digits: string): boolean => luhn(digits) && !/^(\d)\1*$/.test(digits);

/** True for the digits of a payment card. */
export const isCardNumber = (digits: string): boolean => inRange(RANGES, digits) && sound(digits);

/** Groups as printed, or one sign between every two figures; otherwise rows of other figures would count. */
const isPrinted = (groups: readonly string[]): boolean =>
  PRINTED.has(groups.map(({ length }) => length).join("-")) || groups.every(({ length }) => length === 1);

function isCard(text: string): boolean {
  const groups = text.split(/\D+/);
  const digits = groups.join("");
  if (groups.length === 1) return isCardNumber(digits);
  return isPrinted(groups) && (inRange(RANGES, digits) || inRange(RARE, digits)) && sound(digits);
}

/** The longest beginning that is a card and ends with a group, so that `4111 1111 1111 1111 2026` gives the card without the year. */
function acceptGrouped(match: RegExpExecArray): Part | undefined {
  const text = match[0];
  // Behind a plus stands a telephone number, if it has no more than the fifteen figures of the longest.
  if (/\+ ?$/.test(match.input.slice(Math.max(0, match.index - 2), match.index)) && text.replace(/\D/g, "").length <= 15) return undefined;
  // The end of a longer row of groups is no short card, else every tenth such row would be one by chance.
  const least = /\d{4}[ -]$/.test(match.input.slice(Math.max(0, match.index - 5), match.index)) ? 16 : 12;
  for (let end = text.length; end >= least; end -= 1)
    if (/\d/.test(text.charAt(end - 1)) && !/\d/.test(text.charAt(end)) && isCard(text.slice(0, end))) return [0, end];
  return undefined;
}

/** Between two figures: a sign with spaces about it, or a line's end with an indent or a quote's mark. */
const PARTING = String.raw`(?:[ .·-]|[ ]?[-–][ ]|[ ]{2}|[ -]?\r?\n[ \t>]{0,4})?`;
const DIGITS = String.raw`\d(?:${PARTING}\d){11,18}`;
const CONTEXT =
  /\b(?:(?:credit|debit|bank|payment)? ?cards?|credit|debit|pan|visa|master ?card|amex|american express|maestro|kreditkarten?\w*|karten?\w{0,9}|tarjeta|carte|carta|kaart\w*|kort\w*|karta|karty|cc)\b/;

/** Rules for payment card numbers. */
export const CARD_RULES: readonly Rule[] = [
  {
    label: "CARD",
    detector: "rule:card",
    score: 0.95,
    pattern: new RegExp(String.raw`${STARTS_NUMBER}${DIGITS}${ENDS_NUMBER}`, "gu"),
    starts: { figures: 12 },
    accept: acceptGrouped,
  },
  {
    label: "CARD",
    detector: "rule:card-named",
    score: 0.94,
    pattern: new RegExp(String.raw`(?<!\+ ?)${STARTS_NUMBER}${DIGITS}${ENDS_NUMBER}`, "gu"),
    starts: { figures: 12 },
    accept: wholeIf(sound),
    context: CONTEXT,
  },
  {
    label: "CARD",
    detector: "rule:card-declared",
    score: 0.6,
    pattern: new RegExp(String.raw`(?<!\+ ?)${STARTS_NUMBER}${DIGITS}${ENDS_NUMBER}`, "gu"),
    starts: { figures: 12 },
    accept: (match) => [0, match[0].length],
    context:
      /^(?:[\p{L} ]* )?(?:card ?(?:number|no|nr|num)|credit card|kreditkarte|kreditkartennummer|kartennummer|pan|numéro de carte|número de tarjeta)$/u,
  },
  {
    label: "CARD",
    detector: "rule:card-check",
    score: 0.9,
    pattern: /(?<![\p{L}\p{N}_])\d{3,4}(?![\p{L}\p{N}_]|[.,]\d)/gu,
    starts: { figures: 3 },
    accept: (match) => [0, match[0].length],
    context:
      /(?:^|\b)(?:cvv|cvc|cvv2|cvc2|card verification|security code|prüfziffer|kartenprüfnummer|card pin)(?: (?:code|number|is|no))?$/,
  },
];
