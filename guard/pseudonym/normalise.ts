/** How values are compared, by class: what becomes the same here gets tokens of one family. docs/decisions/0040-guard-tokens-and-sessions.md */
import { nameWords } from "./person-name.ts";
import type { TokenClass } from "./token-form.ts";

const POSSESSIVE = /['’]s?$/iu;

/** The possessive ending of a name or of what is named like one, in UTF-16 units: `'s`, or the apostrophe alone after an s. */
export const possessiveLength = (text: string): number => {
  const ending = /(?:['’][sS]|(?<=[sSxXzZ])['’])$/u.exec(text)?.[0].length ?? 0;
  return ending < text.length ? ending : 0;
};

const phrase = (value: string): string =>
  value
    .replace(POSSESSIVE, "")
    .toUpperCase()
    .replace(/['’]/gu, "")
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim();

const compact = (value: string): string => value.replace(/[^\p{L}\p{N}]/gu, "").toUpperCase();

/**
 * The value as compared: e-mail addresses without regard to case; names, organisations and places also without regard to separators and a
 * possessive ending; numbers without separators; secrets exactly. Diacritics, legal forms and house numbers count.
 */
export function normalise(tokenClass: TokenClass, value: string): string {
  if (tokenClass === "EMAIL") return value.normalize("NFC").toLowerCase();
  if (tokenClass === "SECRET" || tokenClass === "LITERAL") return value;
  const plain = value.normalize("NFKC");
  if (tokenClass === "PERSON") return nameWords(plain).join(" ") || plain;
  if (tokenClass === "ORG" || tokenClass === "LOCATION" || tokenClass === "ADDRESS") return phrase(plain) || plain;
  return compact(plain) || plain;
}
