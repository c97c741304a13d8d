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

const CODE_CHARACTER = "[0-9A-HJKMNP-TV-Z]";
/** An underscore; models write `\_` in Markdown, which is `\\_` in JSON. */
const UNDERSCORE = String.raw`\\{0,2}_`;

const classSource = (name: string): string => name.replaceAll("_", UNDERSCORE);
// Longer names first, so that no class is cut short by another that begins alike.
const ANY_CLASS = TOKEN_CLASSES.toSorted((a, b) => b.length - a.length)
  .map(classSource)
  .join("|");

/** A new pattern for everything that may be a token, in any case, with Markdown's backslashes. */
export const tokenPattern = (): RegExp => new RegExp(`(?:${ANY_CLASS})${UNDERSCORE}${CODE_CHARACTER}{${CODE_LENGTH}}`, "gi");

/** Matches the end of a text that, joined with a following code, could read as a token: class and underscore are there already. */
export const OPEN_TOKEN = new RegExp(`(?:${ANY_CLASS})${UNDERSCORE}${CODE_CHARACTER}{0,${CODE_LENGTH - 1}}$`, "i");

/** Every proper beginning of a class with underscore and code, as nested optional parts. */
function beginnings(name: string): string {
  const [first = "", ...rest] = name;
  const tail = rest.length === 0 ? String.raw`(?:\\{0,2}|${UNDERSCORE}${CODE_CHARACTER}{0,${CODE_LENGTH - 1}})` : beginnings(rest.join(""));
  return first === "_" ? String.raw`(?:\\{0,2}|${UNDERSCORE}(?:${tail})?)` : `${first}(?:${tail})?`;
}

/** Matches the longest end of a text that may be the beginning of a token. */
export const UNFINISHED_TOKEN = new RegExp(`(?:${TOKEN_CLASSES.map(beginnings).join("|")})$`, "i");

/** Longest written form of a token, in characters. */
export const MAX_TOKEN_LENGTH = Math.max(...TOKEN_CLASSES.map((name) => name.length + 2 * name.split("_").length)) + 1 + CODE_LENGTH;

/** True where the family part mixes figures and letters; only such codes are issued, so that names like `email_statements` are no tokens. */
export const isMixed = (code: string): boolean => {
  const figures = code.slice(0, FAMILY_LENGTH).replace(/\D/g, "").length;
  return figures >= 2 && figures <= FAMILY_LENGTH - 2;
};

/** A token as issued: upper case, no backslashes. */
export const canonicalToken = (written: string): string => written.replaceAll("\\", "").toUpperCase();

/** True where a match of {@link tokenPattern} could have been issued. */
export const isIssuable = (written: string): boolean => isMixed(canonicalToken(written).slice(-CODE_LENGTH));
