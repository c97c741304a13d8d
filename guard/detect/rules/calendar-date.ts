/** Dates of the calendar, in figures and with the month's name. A period in figures (`2026-10`), a bare year or weekday and a version are none. */
import { isDay } from "../checksums.ts";
import type { Part, Rule, Starts } from "../rule.ts";
import { monthSense } from "./month-names.ts";

const START = String.raw`(?<![\p{L}\p{N}_]|\p{N}[./:-]|[\p{L}_][-/]|[.$€£])`;
const END = String.raw`(?![\p{L}\p{N}_]|[./:-]\p{N}|[-/]\p{L})`;
const YEAR = String.raw`(?:19|20)\d{2}`;

const all = (match: RegExpExecArray): Part => [0, match[0].length];
const allIf = (holds: boolean, match: RegExpExecArray): Part | undefined => (holds ? all(match) : undefined);

const WEEKDAY =
  /(?<!\p{L})(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo|luned[iì]|marted[iì]|mercoled[iì]|gioved[iì]|venerd[iì]|sabato|domenica|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag)[.,]{0,2} (?:de[nmr] |the |le |il |el )?$/iu;

/** How many characters before a place belong to a weekday that leads to it. */
const weekdayBefore = (text: string, place: number): number => WEEKDAY.exec(text.slice(Math.max(0, place - 20), place))?.[0].length ?? 0;

const date = (detector: string, pattern: string, starts: Starts, accept: Rule["accept"]): Rule => ({
  label: "DATE",
  detector: `rule:${detector}`,
  score: 0.5,
  pattern: new RegExp(pattern, "giu"),
  starts,
  accept: (match) => {
    const part = accept(match);
    return part === undefined ? undefined : [part[0] - weekdayBefore(match.input, match.index + part[0]), part[1]];
  },
});

const isDate = (year: string | undefined, month: string | undefined, day: string | undefined): boolean =>
  isDay(Number(year), Number(month), Number(day));

/** Year, month, day. */
const yearFirst = (match: RegExpExecArray): Part | undefined => allIf(isDate(match[1], match[2], match[3]), match);

/** Day and month in either order, then the year; two figures are a year of this century. */
const yearLast = (match: RegExpExecArray): Part | undefined => {
  const [, a, b, year = ""] = match;
  const full = year.length === 2 ? `20${year}` : year;
  return allIf(isDate(full, b, a) || isDate(full, a, b), match);
};

/** What leads to a date of which only a part is written; so short a number is also a fraction, a section or a version. */
const LEAD =
  /(?:(?<![\p{L}\p{N}])(?:on|by|before|since|until|till|dated?|due|from|am|vom|bis|zum|seit|ab|den|dem|der|datum|fra|til|pr|innen|le|du|au|dès|il|dal|al|fecha|hasta|desde|do|od|dnia|op|tot|vanaf|per|från|till|em|até|de|uf|\p{L}{2,7}day|\p{L}{3,8}tag|lunes|martes|jueves|viernes|mo|di|mi|fr|sa|so)[.,:]{0,2} {1,2})$/u;
const LINE_START = /(?:^|\n)[ \t>|*-]{0,4}$/;

const FIGURES: readonly Rule[] = [
  date(
    "date-iso",
    String.raw`${START}(${YEAR})([-/])(\d{2})\2(\d{2})(?:T\d{2}:?\d{2}(?::?\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?${END}`,
    { figures: 8 },
    (match) => allIf(isDate(match[1], match[3], match[4]), match),
  ),
  date(
    "date-numeric",
    String.raw`${START}(\d{1,2})(?:\. ?[-–—] ?\d{1,2}(?=\.))?(?:(?: ?\. ?(\d{1,2}) ?\. ?|-(\d{1,2})-|\/(\d{1,2})\/)(${YEAR}))${END}`,
    { figures: 6 },
    (match) => {
      const [, a, dotted, dashed, slashed, year] = match;
      const b = dotted ?? dashed ?? slashed;
      return allIf(isDate(year, b, a) || isDate(year, a, b), match);
    },
  ),
  {
    ...date("date-short-year", String.raw`${START}(\d{1,2})(?:\.|\/)(\d{1,2})(?:\.|\/)(\d{2})${END}`, { figures: 4 }, yearLast),
    lead: LEAD,
  },
  {
    ...date(
      "date-no-year",
      String.raw`${START}(\d{1,2})(?:\.(\d{1,2})\.|\/(\d{2}))(?![\p{L}\p{N}_]|[./:-]\p{N})`,
      { figures: 2 },
      (match) => allIf(isDate("2000", match[2] ?? match[3], match[1]), match),
    ),
    lead: LEAD,
  },
  date("date-range", String.raw`${START}(\d{1,2})\. ?[-–] ?\d{1,2}\.(\d{1,2})\.(?![\p{L}\p{N}_]|[./:-]\p{N})`, { figures: 2 }, (match) =>
    allIf(isDate("2000", match[2], match[1]), match),
  ),
  date("date-month-of-year", String.raw`${START}(0[1-9]|1[0-2])\/${YEAR}${END}`, { figures: 6 }, all),
  {
    ...date("date-begins-line", String.raw`${START}(\d{2})\.(\d{2})\.(\d{2})?(?![\p{L}\p{N}_]|[./:-]\p{N})`, { figures: 4 }, (match) =>
      allIf(isDate("2000", match[2], match[1]), match),
    ),
    lead: LINE_START,
  },
  {
    ...date("date-compact", String.raw`${START}(${YEAR})(\d{2})(\d{2})${END}`, { figures: 8 }, yearFirst),
    context: /\b(?:date|datum|fecha|data|dato|day|valuta|since|until|from)$/,
  },
  date("date-asian", String.raw`(?<!\p{N})\d{4} ?[年년] ?\d{1,2} ?[月월](?: ?\d{1,2} ?[日일])?`, { figures: 4 }, all),
];

/** A day of the month, with its ordinal sign. */
const DAY = String.raw`\d{1,2}(?:st|nd|rd|th|er|e|º|°|\.)?`;
const MONTH = String.raw`(\p{L}{3,12})`;

const isDayOfMonth = (text: string | undefined): boolean => {
  const day = Number.parseInt(text ?? "1", 10);
  return day >= 1 && day <= 31;
};

/** A day before a month; without a year the month must be sure, since `12 may` and `3 out` are words too. */
function dayFirst(match: RegExpExecArray): Part | undefined {
  const [, from = "", to, month = "", year] = match;
  if (!isDayOfMonth(from) || !isDayOfMonth(to)) return undefined;
  const sense = monthSense(month);
  const sure = year !== undefined || sense === "certain" || sense === "likely" || (sense === "possible" && /(?:st|nd|rd|th)$/i.test(from));
  return allIf(sense !== undefined && sure, match);
}

/** A month before a day, as in English. */
function monthFirst(match: RegExpExecArray): Part | undefined {
  const [, month = "", from, to, year] = match;
  const sense = monthSense(month);
  const capital = month !== month.toLowerCase() && (sense === "certain" || sense === "likely");
  return allIf(isDayOfMonth(from) && isDayOfMonth(to) && sense !== undefined && (year !== undefined || capital), match);
}

/** A month before a year, which is where the match is: long names stand too far from their figures for a start of their own. */
function monthAndYear(match: RegExpExecArray): Part | undefined {
  const before = /(?<![\p{L}\p{N}_.])(\p{L}{3,12})(?:[.,] ?| )(?:del? )?$/u.exec(
    match.input.slice(Math.max(0, match.index - 20), match.index),
  );
  const sense = monthSense(before?.[1] ?? "");
  return before === null || sense === undefined || sense === "weak" ? undefined : [-before[0].length, match[0].length];
}

const NAMES: readonly Rule[] = [
  date(
    "date-day-month",
    String.raw`${START}(${DAY})(?: ?(?:[-–—/]|to|bis|au|al|tot|do|til|till|and|und|y|et) ?(${DAY}))?(?:[-/]| {1,2}(?:of |de |d[’'])?)${MONTH}(?:\.?(?:[-/]|,?(?: del?|,)? ?)(${YEAR}|['’]\d{2})(?: r\.)?|\.(?= ?[\p{Ll},;)]))?(?![\p{L}\p{N}_]|[./:-]\p{N})`,
    { figures: 1 },
    dayFirst,
  ),
  date(
    "date-month-day",
    String.raw`(?<![\p{L}\p{N}_.])${MONTH}\.? {1,2}(\d{1,2}(?:st|nd|rd|th)?)(?: ?[-–—] ?(\d{1,2}(?:st|nd|rd|th)?))?(?:,? (${YEAR}))?(?![\p{L}\p{N}_%€$]|[.,:/-]\p{N}| \d{1,2}:\d{2})`,
    { mixed: true },
    monthFirst,
  ),
  date("date-month-year", String.raw`(?<=[\p{L}.,] )${YEAR}(?: r\.)?${END}`, { figures: 4 }, monthAndYear),
];

/** Rules for dates. */
export const CALENDAR_DATE_RULES: readonly Rule[] = [...FIGURES, ...NAMES];
