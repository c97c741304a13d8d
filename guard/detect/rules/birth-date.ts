/** Dates of birth: a date whose sentence, key or column says so. Other dates stay readable. */
import { isDay } from "../checksums.ts";
import type { Part, Rule } from "../rule.ts";

const MONTHS = String.raw`(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|oktober|nov|dec|dez|ene|abr|ago|dic|janv|févr|avr|juin|juil|août|déc|gen|mag|giu|lug|set|ott)\p{L}{0,7}\.?`;

/** Year, month and day in every order that people write numbers in. */
function numeric(text: string): boolean {
  const [a = 0, b = 0, c = 0] = text.split(/\D+/).map(Number);
  const fits = (year: number, month: number, day: number): boolean => {
    const full = year < 100 ? 1900 + year : year;
    return full >= 1880 && full <= 2100 && isDay(full, month, day);
  };
  return fits(a, b, c) || fits(c, b, a) || fits(c, a, b);
}

const compactDate = (text: string): boolean => numeric(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`);

const CONTEXT =
  /birth|\bborn\b|\bdob\b|\bbday\b|geburt|geboren|\bgeb\b|naissance|\bnée? le\b|nacimiento|\bnacid[oa]\b|nascita|\bnat[oa] il\b|geboorte|födelse|født|fødsel|syntym|urodz|nascimento|narozen/;

const rule = (detector: string, pattern: RegExp, valid: (text: string) => boolean): Rule => ({
  label: "BIRTH_DATE",
  detector,
  score: 0.94,
  pattern,
  accept: (match): Part | undefined => (valid(match[0]) ? [0, match[0].length] : undefined),
  context: CONTEXT,
});

/** Rules for dates of birth. */
export const BIRTH_DATE_RULES: readonly Rule[] = [
  rule("rule:birth-date", /(?<![\p{L}\p{N}_]|\d[./-])\d{1,4}([./-]) ?\d{1,2}\1 ?\d{1,4}(?![\p{L}\p{N}_]|[./-]\d)/gu, numeric),
  rule("rule:birth-date-time", /(?<![\p{L}\p{N}_]|\d[./-])\d{4}-\d{2}-\d{2}(?=T\d{2}:)/gu, numeric),
  rule("rule:birth-date-compact", /(?<![\p{L}\p{N}_.])\d{8}(?![\p{L}\p{N}_]|\.\d)/gu, compactDate),
  rule(
    "rule:birth-date-words",
    new RegExp(
      String.raw`(?<![\p{L}\p{N}_])(?:\d{1,2}(?:st|nd|rd|th|\.)?(?: de| of)? ${MONTHS}(?: de)?,? ?\d{4}|${MONTHS} \d{1,2}(?:st|nd|rd|th)?,? \d{4})(?![\p{L}\p{N}_])`,
      "giu",
    ),
    () => true,
  ),
];
