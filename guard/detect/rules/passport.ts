/** Passport and travel-document numbers where they are named, and the machine-readable lines. Source: ICAO Doc 9303, parts 3 to 6. */
import { ENDS, type Part, type Rule, STARTS, whole } from "../rule.ts";

const CONTEXT =
  /pass ?port|reisepass|\bpass(?: ?nr| ?nummer| ?no)\b|passeport|pasaporte|passaporto|paspoort|paszport|passaporte|passnummer|\bpasi\b|паспорт|travel document|ausweis|carta d.identit|carte d.identit|identity card|\bid card|legitymacj|seaman|residence permit|s[ée]jour|document (?:no|number|nr)|护照|パスポート/;

const WEIGHTS = [7, 3, 1];
const valueOf = (character: string): number => (character === "<" ? 0 : Number.parseInt(character, 36));

/** True where the figure behind the part checks it. */
function checked(line: string, from: number, to: number): boolean {
  const sum = Array.from(line.slice(from, to)).reduce((total, character, i) => total + valueOf(character) * (WEIGHTS[i % 3] ?? 0), 0);
  return sum % 10 === Number(line.charAt(to) === "<" ? 0 : line.charAt(to));
}

/** Second line of a passport (44) or of a two-line card or visa (36), first line of a three-line card (30), its second line. */
function isMachineLine(line: string): boolean {
  if (/^[PVIAC][A-Z<][A-Z<]{3}[A-Z<]+$/.test(line) && (line.length === 44 || line.length === 36)) return true;
  if (line.length === 44 || line.length === 36) return checked(line, 0, 9) && checked(line, 13, 19) && checked(line, 21, 27);
  return (
    line.length === 30 &&
    ((/^[IAC]/.test(line) && checked(line, 5, 14)) || (checked(line, 0, 6) && checked(line, 8, 14)) || /^[A-Z]+<[A-Z<]*<<$/.test(line))
  );
}

/** The whole run around a filler; what people leave in front is bounded by the longest line. */
function machineLine(match: RegExpExecArray): Part | undefined {
  const before = /[A-Z0-9<]{0,44}$/.exec(match.input.slice(Math.max(0, match.index - 44), match.index))?.[0] ?? "";
  const line = before + match[0];
  return isMachineLine(line) ? [-before.length, match[0].length] : undefined;
}

/** German numbers have consonants among their figures, and may have few of those. */
const GERMAN = /^[CFGHJKLMNPRTVWXYZ](?=[^ ]*\d)[CFGHJKLMNPRTVWXYZ0-9]{8}\d?$/;

const hasFigures = (match: RegExpExecArray): Part | undefined =>
  GERMAN.test(match[0]) || match[0].replace(/\D/g, "").length >= 5 ? whole(match) : undefined;

/** The document is named some way before, or is the value of a key beside this one's. */
const DOCUMENT_BEFORE =
  /(?:passports?|reisepass\p{L}{0,2}|passeport|pasaporte|passaporto|paspoort|paszport\p{L}{0,2}|passaporte|personalausweis\p{L}{0,2}|travel document|identity card|\bid (?:card|number|no)\b|carte d.identité|carta d.identità)(?!\p{L})[\s\S]{0,120}$|(?:birth|born|\bdob\b|nationality|citizen)[^\n]{0,60}\bid[ :#]{1,3}$/u;
/** `"doc":"passport","no":`, and a row of nationality behind a date of birth, as in lists of passengers. */
const SIBLING =
  /(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort|paszport|id[ _-]?card)["']?\s{0,3}[,;]\s{0,3}["']?(?:doc\p{L}{0,6}[ _-]?)?(?:no|nr|num|number|id|value|numero)["']?\s{0,3}[:=]\s{0,3}["']?$|\b(?:19|20)\d{2}-\d{2}-\d{2}["']?[ \t]{0,3}[|;,\t][ \t]{0,3}["']?[a-z]{3}["']?[ \t]{0,3}[|;,\t][ \t]{0,3}["']?$/u;

const hasLettersAndFigures = (match: RegExpExecArray): Part | undefined =>
  match[0].replace(/\D/g, "").length >= 2 ? whole(match) : undefined;

/** Rules for passports. */
export const PASSPORT_RULES: readonly Rule[] = [
  {
    label: "PASSPORT",
    detector: "rule:passport",
    score: 0.94,
    pattern: new RegExp(
      String.raw`${STARTS}(?:[A-Z]{1,3}[ -]?\d{5,9}[A-Z]?|\d{2}[A-Z]{2}\d{5}|\d{2} \d{2} \d{6}|\d{7,9}|[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?)${ENDS}`,
      "giu",
    ),
    starts: { figures: 2, mixed: true },
    accept: hasFigures,
    context: CONTEXT,
    lead: SIBLING,
  },
  {
    label: "PASSPORT",
    detector: "rule:passport-named-before",
    score: 0.91,
    pattern: new RegExp(String.raw`${STARTS}(?:[A-Z]{1,2}\d{6,7}|[CFGHJKLMNPRTVWXYZ](?=[A-Z]{0,8}\d)[A-Z0-9]{8}\d?)${ENDS}`, "gu"),
    starts: { mixed: true },
    accept: hasLettersAndFigures,
    context: /^doc(?:ument)?(?: ?(?:no|nr|number|id))?$/,
    lead: DOCUMENT_BEFORE,
  },
  {
    label: "PASSPORT",
    detector: "rule:passport-machine-line",
    score: 0.97,
    pattern: /<<[A-Z0-9<]{0,44}/g,
    starts: { texts: ["<<"] },
    accept: machineLine,
  },
];
