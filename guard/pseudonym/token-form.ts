/** How a token is written: a class, an underscore and ten Crockford base32 characters. docs/decisions/0040-guard-tokens-and-sessions.md */
import { DATA_CLASSES } from "../../mesh/contract/data-class.ts";

/** Classes of tokens: what the detector finds, and text that merely looks like a token. */
export const TOKEN_CLASSES = [...DATA_CLASSES, "LITERAL"] as const;
/** A class of token. */
export type TokenClass = (typeof TOKEN_CLASSES)[number];

/** Crockford's base32 alphabet: no I, L, O, U. */
export const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** Characters of a code, 5 bits each. */
export const CODE_LENGTH = 10;
/** Characters of a code that all written forms of one value share. */
export const FAMILY_LENGTH = 8;

const UPPER = "[0-9A-HJKMNP-TV-Z]";
const ANY_CASE = "[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]";
/** An underscore; models write `\_` in Markdown, which is `\\_` in JSON. */
const UNDERSCORE = String.raw`\\{0,2}_`;
/** Where a model wraps a token: a space or two, or one line break with the next line's indent; in JSON the break is written `\n`. */
const GAP = String.raw`(?: {1,2}|[ \t]{0,2}(?:\r?\n|(?:\\r)?\\n)[ \t]{0,16})`;
/** What may become a gap. */
const GAP_BEGINNING = String.raw`[ \t]{0,2}(?:\r|\\(?:r\\?)?)?`;
const MAX_GAP_LENGTH = 22;

const anyCase = (character: string): string => (character === "_" ? UNDERSCORE : `[${character}${character.toLowerCase()}]`);
// Longer names first, so that no class is cut short by another that begins alike.
const LONGEST_FIRST = TOKEN_CLASSES.toSorted((a, b) => b.length - a.length);
const CLASS_UPPER = `(?:${LONGEST_FIRST.map((name) => name.replaceAll("_", UNDERSCORE)).join("|")})`;
const CLASS_ANY_CASE = `(?:${LONGEST_FIRST.map((name) => Array.from(name, anyCase).join("")).join("|")})`;

/** A code of `left` characters with at most one gap in it or before it. */
const gapped = (left: number): string => (left === 0 ? "" : `(?:${GAP}${UPPER}{${left}}|${UPPER}${left === 1 ? "" : gapped(left - 1)})`);
/** Every proper beginning of {@link gapped}. */
const gappedBeginning = (left: number): string =>
  `(?:${GAP}${UPPER}{0,${left - 1}}|${GAP_BEGINNING}${left === 1 ? "" : `|${UPPER}${gappedBeginning(left - 1)}`})`;

const TOKEN = `${CLASS_UPPER}${UNDERSCORE}${gapped(CODE_LENGTH)}|${CLASS_ANY_CASE}${UNDERSCORE}${ANY_CASE}{${CODE_LENGTH}}`;
const OPEN = `${CLASS_UPPER}${UNDERSCORE}${gappedBeginning(CODE_LENGTH)}|${CLASS_ANY_CASE}${UNDERSCORE}${ANY_CASE}{0,${CODE_LENGTH - 1}}`;

/** A new pattern for everything that may be a token: in any case, with Markdown's backslashes, or as issued and wrapped once. */
export const tokenPattern = (): RegExp => new RegExp(TOKEN, "g");

/** Matches the end of a text that, joined with a following code, could read as a token: class and underscore are there already. */
export const OPEN_TOKEN = new RegExp(`(?:${OPEN})$`);

/** Every proper beginning of a class, as nested optional parts. */
const classBeginning = (name: string): string => {
  const [first = "", ...rest] = name;
  const tail = rest.length === 0 ? String.raw`\\{0,2}` : classBeginning(rest.join(""));
  return first === "_" ? String.raw`(?:\\{0,2}|${UNDERSCORE}(?:${tail})?)` : `${anyCase(first)}(?:${tail})?`;
};

/** Matches the longest end of a text that may be the beginning of a token. */
export const UNFINISHED_TOKEN = new RegExp(`(?:${OPEN}|${TOKEN_CLASSES.map(classBeginning).join("|")})$`);

/** Longest written form of a token, in characters. */
export const MAX_TOKEN_LENGTH =
  Math.max(...TOKEN_CLASSES.map((name) => name.length + 2 * name.split("_").length)) + 1 + CODE_LENGTH + MAX_GAP_LENGTH;

/** True where the family part mixes figures and letters; only such codes are issued, so that names like `email_statements` are no tokens. */
export const isMixed = (code: string): boolean => {
  const figures = code.slice(0, FAMILY_LENGTH).replace(/\D/g, "").length;
  return figures >= 2 && figures <= FAMILY_LENGTH - 2;
};

/** A token as issued: upper case, no backslashes, in one piece. */
export const canonicalToken = (written: string): string =>
  written
    .replace(/\s|\\[rn]/g, "")
    .replaceAll("\\", "")
    .toUpperCase();

/** True where a match of {@link tokenPattern} could have been issued. */
export const isIssuable = (written: string): boolean => isMixed(canonicalToken(written).slice(-CODE_LENGTH));
