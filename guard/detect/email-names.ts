/** Names of people that a text's own e-mail addresses give away: `h.vollmers@` says that `Vollmers` and `Henrike Vollmers` are a person. */
import { EVERYDAY_NAMES, NAME_PARTICLES, ROLE_WORDS } from "./common-words.ts";
import type { Finding } from "./finding.ts";
import { foldCase } from "./phrase-finder.ts";

const MIN_LENGTH = 4;
const MAX_NAMES = 5_000;
const WORD = /\p{Lu}[\p{L}\p{M}'’-]{3,40}/gu;
/** A first name right before a last name. */
const FIRST_NAME = /(?:^|[^\p{L}\p{N}])(\p{Lu}[\p{L}\p{M}'’.-]{0,30}) $/u;
const UMLAUTS: Readonly<Record<string, string>> = {
  ä: "ae",
  ö: "oe",
  ü: "ue",
  ß: "ss",
  ø: "oe",
  å: "aa",
  æ: "ae",
  œ: "oe",
  ł: "l",
  đ: "d",
  ı: "i",
};

/** A word as it would stand in an address: without accents, in lower case. */
const plain = (word: string): string =>
  foldCase(word)
    .replace(/[äöüßøåæœłđı]/g, (letter) => UMLAUTS[letter] ?? letter)
    .normalize("NFD")
    .replace(/[^a-z]/g, "");

const bare = (word: string): string =>
  foldCase(word)
    .normalize("NFD")
    .replace(/[^a-z]/g, "");

/** The names in the part before the `@`: of `j.petersen-brahe` `petersenbrahe`, `petersen` and `brahe`. */
function namesOf(address: string): string[] {
  const local = foldCase(address.slice(0, address.indexOf("@")));
  const words = local.split(/[._+]/).flatMap((word) => [word, ...word.split("-")]);
  return words
    .filter((word) => /^[\p{L}-]+$/u.test(word))
    .map(bare)
    .filter((name) => name.length >= MIN_LENGTH && !EVERYDAY_NAMES.has(name) && !NAME_PARTICLES.has(name) && !ROLE_WORDS.has(name));
}

/** Initials that addresses give to a name: `h.vollmers` gives `h` to `vollmers`. */
function initialsOf(addresses: readonly string[]): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const address of addresses) {
    const initial = /^(\p{L})/u.exec(foldCase(address))?.[1] ?? "";
    for (const name of namesOf(address).slice(0, MAX_NAMES)) names.set(name, (names.get(name) ?? new Set()).add(initial));
  }
  return names;
}

/**
 * Words with a capital that an address of the same text has as a name, with the first name before them where it fits the address.
 * @param found the text's findings, of which the e-mail addresses count
 */
export function emailNames(text: string, found: readonly Finding[]): Finding[] {
  const emails = found.filter(({ label }) => label === "EMAIL").map(({ value }) => value);
  const names = initialsOf(emails);
  if (names.size === 0) return [];
  return Array.from(text.matchAll(WORD)).flatMap(({ 0: word, index }) => {
    const initials = names.get(plain(word)) ?? names.get(bare(word));
    if (initials === undefined) return [];
    const before = FIRST_NAME.exec(text.slice(Math.max(0, index - 34), index))?.[1];
    const fits = before !== undefined && initials.has(foldCase(before.charAt(0))) && !ROLE_WORDS.has(bare(before));
    const start = fits ? index - before.length - 1 : index;
    const end = index + word.length;
    return [{ start, end, label: "PERSON", score: 0.4, detector: "email-name", value: text.slice(start, end) }];
  });
}
