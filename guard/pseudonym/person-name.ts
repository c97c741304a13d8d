/** Names of people taken apart: words in the order given name, family name; without titles, endings and the comma of a list. */

const TITLES: ReadonlySet<string> = new Set(
  [
    "MR",
    "MRS",
    "MS",
    "MISS",
    "MX",
    "DR",
    "PROF",
    "SIR",
    "DAME",
    "LORD",
    "LADY",
    "HERR",
    "FRAU",
    "MME",
    "MLLE",
    "MONSIEUR",
    "MADAME",
  ].concat(["SR", "SRA", "DON", "DOÑA", "SIG", "SIGNOR", "SIGNORA", "ING", "MAG", "DIPL"]),
);
const SUFFIXES: ReadonlySet<string> = new Set(["JR", "SR", "II", "III", "IV", "PHD", "MD", "ESQ", "MBA", "CPA", "MSC", "BSC"]);
const PARTICLES: ReadonlySet<string> = new Set(
  ["VON", "VAN", "VOM", "ZU", "ZUM", "ZUR", "DER", "DEN", "DEM", "DE", "DEL", "DELLA", "DELA", "DI", "DA", "DO", "DOS", "DU", "DES"].concat(
    ["LA", "LE", "LAS", "LOS", "EL", "AL", "BIN", "BINT", "IBN", "BEN", "TEN", "TER", "TE", "AF", "AV", "ST", "SAN", "SANTA", "MC", "MAC"],
  ),
);

const split = (text: string): string[] =>
  text
    .replace(/['’]/gu, "")
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim()
    .split(" ")
    .filter((word) => word !== "");

const without = (words: readonly string[], at: 0 | -1, dropped: ReadonlySet<string>): readonly string[] =>
  words.length > 1 && dropped.has(words.at(at) ?? "") ? without(at === 0 ? words.slice(1) : words.slice(0, -1), at, dropped) : words;

/** The words of a name, upper case: `Dr. Anna Schmidt's`, `SCHMIDT, Anna` and `Anna Schmidt` are the same. Empty where there is no letter. */
export function nameWords(name: string): readonly string[] {
  const [first = "", second = "", ...more] = name
    .replace(/['’]s?$/iu, "")
    .toUpperCase()
    .split(",")
    .map(split)
    .filter((words) => words.length > 0 && !words.every((word) => SUFFIXES.has(word)))
    .map((words) => words.join(" "));
  const inOrder = more.length === 0 && second !== "" ? `${second} ${first}` : [first, second, ...more].join(" ");
  return without(without(split(inOrder), 0, TITLES), -1, SUFFIXES);
}

const isInitial = (word: string): boolean => /^\p{L}\p{M}*$/u.test(word) && !/^\p{Script=Han}/u.test(word);

/** True for a given name and a family name; false for either alone, a family name with its particles, and initials. */
export const isFullName = (words: readonly string[]): boolean =>
  words.length > 1 && !isInitial(words[0] ?? "") && !words.slice(0, -1).every((word) => PARTICLES.has(word));

/** What a full name is also called: the given name, the family name with and without its particles, and with an initial before it. */
export function shortForms(words: readonly string[]): readonly string[] {
  const given = words[0] ?? "";
  let from = words.length - 1;
  const families = [words[from] ?? ""];
  while (from > 1 && PARTICLES.has(words[from - 1] ?? "")) {
    from -= 1;
    families.push(words.slice(from).join(" "));
  }
  return [given, ...families, ...families.map((family) => `${Array.from(given)[0] ?? ""} ${family}`)];
}
