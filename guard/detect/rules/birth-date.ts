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

/** The question on the line before, or a word of birth that the line's end parts from its date. */
const ASKED = new RegExp(
  String.raw`(?:${BORN.source})\p{L}{0,10}(?:[ ,][\p{L} ,]{0,20}\?)?[ ?.:!]{0,4}\n[ \t>]{0,4}(?:[\p{L}\p{N}_.' -]{1,30}:)?[ \t]{0,3}$`,
  "u",
);
/** A row of a list: the sex has a cell of its own before the date. */
const AFTER_SEX = /[|;,\t][ \t]{0,3}["']?(?:[mfdw]|male|female)["']?[ \t]{0,3}[|;,\t][ \t]{0,3}["']?$/;
/** A person's role and name. */
const AFTER_PERSON =
  /(?:^|\n)[ \t>*-]{0,4}(?:employee|patient|client|insured|father|mother|spouse|child|vater|mutter|ehemann|ehefrau|kind|père|mère|padre|madre|ojciec|matka|vader|moeder|tenant|applicant|member|mitarbeiter(?:in)?|patient(?:in)?|versicherte[rn]?|werknemer|medewerker|salariée?|empleado|dipendente|pracownik|medarbetare|medarbejder)\p{L}{0,3}[: ]{1,3}(?:[\p{L}.'’-]{1,24} ){1,4}?[\p{L}'’-]{1,24}, ?$/u;
/** A terse record: a name, then a day. */
const AFTER_NAME_KEY = /"n(?:ame)?":\s?"[^"\n]{3,60}",\s?"d(?:ate)?":\s?"$/;
/** Younger people have no such role yet. */
const LAST_YEAR_OF_BIRTH = 2012;
const longAgo = (text: string): boolean => numeric(text) && Number(/\d{4}/.exec(text)?.[0] ?? LAST_YEAR_OF_BIRTH + 1) <= LAST_YEAR_OF_BIRTH;

/** What a scanner read as letters is figures. */
const unscanned = (text: string): string => text.replace(/o/gi, "0").replace(/[il]/gi, "1");

const rule = (detector: string, pattern: RegExp, valid: (text: string) => boolean, context = BORN, figures = 3): Rule => ({
  label: "BIRTH_DATE",
  detector: `rule:${detector}`,
  score: 0.94,
  pattern,
  starts: { figures },
  accept: (match): Part | undefined => (valid(match[0]) ? [0, match[0].length] : undefined),
  context,
  ...(context === BORN ? { lead: ASKED } : {}),
});

const NUMERIC = /(?<![\p{L}\p{N}_]|\d[./-])\d{1,4} ?([./-]) ?\d{1,2} ?\1 ?\d{1,4}(?![\p{L}\p{N}_]|[./-]\d)/gu;

const WORD_END = String.raw`(?![\p{L}\p{N}_])`;
const DAY_FIRST = String.raw`(?<![\p{L}\p{N}_])\d{1,2}(?:st|nd|rd|th|er|º|\.)?(?: de| of| |-|\/){1,2} ?${MONTHS}(?: de|,|-|\/)? ?(?:\d{4}|['’]?\d{2})${WORD_END}`;
const MONTH_FIRST = String.raw`(?<![\p{L}\p{N}_])${MONTHS} \d{1,2}(?:st|nd|rd|th)?,? \d{4}${WORD_END}`;
const plausibleYear = (text: string): boolean => Number(text) >= 1900 && Number(text) <= 2100;
const plausibleAge = (text: string): boolean => Number(text) >= 1 && Number(text) <= 119;

/** In brackets behind a name, before a document's number. */
const BEFORE_DOCUMENT = String.raw`(?=[,;] {0,2}(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort|id (?:no|card|number)))`;

/** Rules for dates of birth and ages. */
export const BIRTH_DATE_RULES: readonly Rule[] = [
  rule("birth-date", NUMERIC, numeric),
  { ...rule("birth-date-after-sex", NUMERIC, numeric), lead: AFTER_SEX },
  { ...rule("birth-date-after-person", NUMERIC, longAgo), lead: AFTER_PERSON },
  { ...rule("birth-date-after-name", NUMERIC, longAgo), lead: AFTER_NAME_KEY },
  {
    ...rule("birth-date-scanned", /(?<![\p{L}\p{N}_])[\dOIl]{2}\.[\dOIl]{2}\.[12Il][\dOIl]{3}(?![\p{L}\p{N}_])/gu, (text) =>
      numeric(unscanned(text)),
    ),
    starts: { figures: 1, mixed: true },
  },
  {
    ...rule(
      "birth-date-of-holder",
      new RegExp(`(?:${DAY_FIRST}|\\d{4}-\\d{2}-\\d{2}|\\d{1,2}[./]\\d{1,2}[./]\\d{4})${BEFORE_DOCUMENT}`, "giu"),
      () => true,
      BORN,
      1,
    ),
    lead: /\p{L} \($/u,
  },
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
  {
    label: "BIRTH_DATE",
    detector: "rule:age-in-years",
    score: 0.9,
    pattern:
      /(?<![\p{L}\p{N}_.,/-])\d{1,3}(?=[- ]?(?:years?|yrs?)[- ](?:old|of age)(?!\p{L})|[- ]?y\/?o(?!\p{L})| ?Jahre alt(?!\p{L})|-jährig| años de edad| anni di età| jaar oud(?!\p{L}))/giu,
    starts: { figures: 1 },
    accept: (match): Part | undefined => (plausibleAge(match[0]) ? [0, match[0].length] : undefined),
  },
];
