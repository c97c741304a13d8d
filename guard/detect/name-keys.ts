/** Names behind a key that says so, such as `Employee: Dana Okafor` or `Surname: OKAFOR`: alone on a line, a name has no sentence that would tell. */
import { NAME_PARTICLES, ROLE_WORDS } from "./common-words.ts";
import type { Finding } from "./finding.ts";
import { foldCase } from "./phrase-finder.ts";

/** Keys of a whole name. `Name` alone has its capital: in lower case it is a key of anything. */
const WHOLE =
  "Name|NAME|(?:(?:[Ff]ull|FULL|[Ee]mployee|[Cc]andidate|[Pp]atient|[Aa]pplicant|[Cc]ontact|[Ll]egal)[ _-]?[Nn]ame|FULL NAME|EMPLOYEE NAME)" +
  "|[Ee]mployee|[Cc]andidate|[Aa]pplicant|[Pp]atient|[Ww]itness|[Aa]ttendees?|[Cc]ardholder|[Aa]ccount holder|[Bb]eneficiary|[Ll]ine manager|[Nn]ext of kin" +
  "|[Ee]mergency contact|(?:[Pp]repared|[Aa]pproved|[Ss]igned|[Rr]eviewed|[Rr]equested|[Ss]ubmitted) by|[Rr]eports to" +
  "|Mitarbeiter(?:in)?|Arbeitnehmer(?:in)?|Bewerber(?:in)?|Kontoinhaber(?:in)?|Ansprechpartner(?:in)?|Unterzeichner(?:in)?|Zeug(?:e|in)" +
  "|Nom et prénom|Nom|Titulaire|Nombre|Nombre y apellidos|Titular|Nome|Cognome e nome|Intestatario|Naam|Imię i nazwisko";
/** Keys of one part of a name. */
const PART =
  "[Ff]irst[ _-]?[Nn]ame|[Ll]ast[ _-]?[Nn]ame|[Ss]urname|[Gg]iven[ _-]?[Nn]ames?|[Ff]amily[ _-]?[Nn]ame|[Mm]aiden[ _-]?[Nn]ame" +
  "|Vorname|Nachname|Familienname|Geburtsname|Prénom|Apellidos?|Cognome|Voornaam|Achternaam|Nazwisko|Imię";

const WORD = String.raw`(?:\p{Lu}[\p{L}\p{M}]*(?:[-‐'’]\p{L}[\p{L}\p{M}]*)*\.?)`;
const PARTICLE = "(?:von|van|de|der|den|del|della|di|da|dos|zu|af|av|bin|ibn|el|al|la|le|ter|ten)";
const END = String.raw`(?=[ \t]*(?:$|[,;|<("]|\n|\t| {2}))`;
const NAMES = `${WORD}(?: (?:${PARTICLE} ){0,2}${WORD}){1,3}|${WORD}, ${WORD}(?: ${WORD})?`;
const AFTER_KEY = String.raw`["*]{0,3}[ \t]{0,3}[:=]["*]{0,3}[ \t]{0,8}["*]{0,3}`;
const START = String.raw`(?<![\p{L}\p{N}_])`;

const PATTERNS = [
  new RegExp(`${START}(?:${WHOLE})${AFTER_KEY}(${NAMES})${END}`, "gmu"),
  new RegExp(`${START}(?:${PART})${AFTER_KEY}(${NAMES}|${WORD})${END}`, "gmu"),
];

/** Titles of teams and roles stand behind such keys too. */
const namesSomebody = (value: string): boolean => {
  const words = foldCase(value).match(/[\p{L}\p{M}]+/gu) ?? [];
  return words.some((word) => !NAME_PARTICLES.has(word)) && !words.some((word) => ROLE_WORDS.has(word));
};

/** The names behind such keys. Linear in the text: the work at one key is bounded. */
export function namesBehindKeys(text: string): Finding[] {
  return PATTERNS.flatMap((pattern) =>
    Array.from(text.matchAll(pattern)).flatMap(({ 0: whole, 1: value = "", index }): Finding[] => {
      const start = index + whole.length - value.length;
      if (value.length > 80 || !namesSomebody(value)) return [];
      return [{ start, end: start + value.length, label: "PERSON", score: 0.4, detector: "name-key", value }];
    }),
  );
}
