/** Dates of birth and ages: a date whose sentence, key or column says so. Other dates stay readable. */
import { isDay, isShortDay } from "../checksums.ts";
import type { Part, Rule } from "../rule.ts";

/** First letters of the months in the languages that the context words are in. */
const MONTHS = String.raw`(?:jan|feb|mar|mär|apr|may|mai|maj|maa|mei|mrt|jun|jul|aug|sep|oct|okt|nov|dec|dez|ene|abr|ago|dic|janv|févr|fév|avr|juin|juil|août|aoû|déc|gen|mag|giu|lug|set|ott|out|fev|sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru|tam|hel|huh|tou|kes|hei|elo|syy|lok|mar|jou)\p{L}{0,9}\.?`;

/** Year, month and day in every order that people write numbers in. */
function numeric(text: string): boolean {
  const [a = 0, b = 0, c = 0] = text.split(/\D+/).map(Number);
  const fits = (year: number, month: number, day: number): boolean => {
    const full = year < 100 ? 1900 + year : year;
    return full >= 1880 && full <= 2100 && isDay(full, month, day);
  };
  return fits(a, b, c) || fits(c, b, a) || fits(c, a, b);
}

const compactDate = (text: string): boolean =>
  numeric(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`) ||
  numeric(`${text.slice(0, 2)}-${text.slice(2, 4)}-${text.slice(4)}`);

const shortDate = (text: string): boolean => {
  const [a = "", b = "", c = ""] = text.match(/\d\d/g) ?? [];
  return isShortDay(a, b, c) || isShortDay(c, b, a);
};

const BORN =
  /birth|\bborn\b|\bdob\b|\bd ?o ?b\b|\bbday\b|geburt|geboren|\bgeb\b|naissance|\bnée? (?:le|en)\b|nacimiento|\bnacid[oa]\b|\bnaci[oó]\b|nascita|\bnat[oa] (?:il|nel)\b|\bnat[oa] .{1,40}\bil$|geboorte|\bgeb datum\b|födelse|född|født|fødsel|syntym|urodz|\bur\b|nascimento|\bnascid[oa]\b|narozen|születés|рожден|родил|出生|生年月日|تاريخ الميلاد/;

const rule = (detector: string, pattern: RegExp, valid: (text: string) => boolean, context = BORN, figures = 3): Rule => ({
  label: "BIRTH_DATE",
  detector: `rule:${detector}`,
  score: 0.94,
  pattern,
  starts: { figures },
  accept: (match): Part | undefined => (valid(match[0]) ? [0, match[0].length] : undefined),
  context,
});

const WORD_END = String.raw`(?![\p{L}\p{N}_])`;
const DAY_FIRST = String.raw`(?<![\p{L}\p{N}_])\d{1,2}(?:st|nd|rd|th|er|º|\.)?(?: de| of| |-|\/){1,2} ?${MONTHS}(?: de|,|-|\/)? ?(?:\d{4}|['’]?\d{2})${WORD_END}`;
const MONTH_FIRST = String.raw`(?<![\p{L}\p{N}_])${MONTHS} \d{1,2}(?:st|nd|rd|th)?,? \d{4}${WORD_END}`;
const plausibleYear = (text: string): boolean => Number(text) >= 1900 && Number(text) <= 2100;
const plausibleAge = (text: string): boolean => Number(text) >= 1 && Number(text) <= 119;

/** Rules for dates of birth and ages. */
export const BIRTH_DATE_RULES: readonly Rule[] = [
  rule("birth-date", /(?<![\p{L}\p{N}_]|\d[./-])\d{1,4}([./-]) ?\d{1,2}\1 ?\d{1,4}(?![\p{L}\p{N}_]|[./-]\d)/gu, numeric),
  rule(
    "birth-date-spaced",
    /(?<![\p{L}\p{N}_]|\d[./ -])(?:\d{1,2} \d{1,2} \d{4}|\d{4} \d{1,2} \d{1,2})(?![\p{L}\p{N}_]|[./ -]\d)/gu,
    numeric,
    BORN,
    6,
  ),
  rule("birth-date-asian", /(?<![\p{L}\p{N}_])\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일]/gu, numeric),
  rule("birth-date-time", /(?<![\p{L}\p{N}_]|\d[./-])\d{4}-\d{2}-\d{2}(?=T\d{2}:)/gu, numeric),
  rule("birth-date-compact", /(?<![\p{L}\p{N}_.])\d{8}(?![\p{L}\p{N}_]|\.\d)/gu, compactDate, BORN, 8),
  rule("birth-date-short", /(?<![\p{L}\p{N}_.])\d{6}(?![\p{L}\p{N}_-]|\.\d)/gu, shortDate, BORN, 6),
  rule("birth-date-glued", /(?<![\p{L}\p{N}_])\d{1,2}[a-z]{3}\d{2}(?:\d{2})?(?![\p{L}\p{N}_])/giu, () => true, BORN, 1),
  rule("birth-date-words", new RegExp(DAY_FIRST, "giu"), () => true, BORN, 1),
  { ...rule("birth-date-month-first", new RegExp(MONTH_FIRST, "giu"), () => true), starts: { mixed: true } },
  rule(
    "birth-year",
    /(?<![\p{L}\p{N}_.,]|[/-])\d{4}(?![\p{L}\p{N}_]|[./-]\d)/gu,
    plausibleYear,
    /\bborn in$|birth ?year|year of birth|jahrgang|geburtsjahr|\bnée? en$|año de nacimiento|anno di nascita|geboortejaar|födelseår|rok urodzenia|\bnat[oa] nel$/,
    4,
  ),
  rule(
    "age",
    /(?<![\p{L}\p{N}_.]|\d,|[-/])\d{1,3}(?![\p{L}\p{N}_%]|[.,/:-]\d)/gu,
    plausibleAge,
    /^(?!max |min |cache )(?:(?:[\p{L}]+ )?(?:age(?: in years| years)?)|alter|âge|edad|età|leeftijd|wiek|ålder|alder|ikä|idade)$|\b(?:aged|im alter von|âgée? de|de edad|di età|aged about)$/u,
    1,
  ),
];
