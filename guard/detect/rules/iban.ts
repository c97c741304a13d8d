/** IBAN: country, structure, mod 97; with or without separators, over a line's end, any case. Source: ISO 13616, SWIFT's IBAN registry. */
import { remainder } from "../checksums.ts";
import type { Part, Rule } from "../rule.ts";

/** What follows country and check digits: `n` figures, `a` letters, `c` either. */
const STRUCTURES: Readonly<Record<string, string>> = {
  "8n12c": "AD CY:8n16c AL:8n16c",
  "12n": "BE",
  "14n": "DK FI FO GL SD",
  "11n": "NO",
  "16n": "AT BA EE LT MN XK",
  "18n": "CR DE ME RS VA",
  "20n": "CZ ES SE SK TN EG:25n PT:21n LY:21n ST:21n HU:24n PL:24n IS:22n HR:17n",
  "19n": "AE IL SO TL SI:15n UA:6n19c",
  "23n": "BI DJ MR BR:23n1a1c BY:4c4n16c TR:6n16c",
  "4a14n": "GB IE NL:4a10n BG:4a6n8c BH:4a14c GI:4a15c IQ:4a15n LV:4a13c PK:4a16c RO:4a16c VG:4a16n",
  "5n12c": "CH LI MK:3n10c2n KZ:3n13c LU:3n13c OM:3n16c SA:2n18c",
  "10n11c2n": "FR MC IT:1a10n12c SM:1a10n12c GR:7n16c",
  "4a20n": "SV NI HN GT:4c20c DO:4c20n KW:4a22c LC:4a24c PS:4a21c QA:4a21c AZ:4a20c",
  "4a4n18c": "JO YE LB:4n20c MD:2c18c MT:4a5n18c MU:4a19n3a SC:4a20n3a FK:2a12n GE:2a16n RU:14n15c",
};
const CLASSES: Readonly<Record<string, string>> = { n: "\\d", a: "[A-Z]", c: "[A-Z\\d]" };

interface Country {
  readonly length: number;
  readonly pattern: RegExp;
}

const countryOf = (structure: string): Country => {
  const parts = Array.from(structure.matchAll(/(\d+)([nac])/g), ([, count = "", kind = ""]) => ({ count: Number(count), kind }));
  return {
    length: parts.reduce((sum, { count }) => sum + count, 4),
    pattern: new RegExp(`^[A-Z]{2}\\d{2}${parts.map(({ count, kind }) => `${CLASSES[kind]}{${count}}`).join("")}$`),
  };
};

const COUNTRIES: ReadonlyMap<string, Country> = new Map(
  Object.entries(STRUCTURES).flatMap(([usual, countries]) =>
    countries.split(" ").map((entry) => {
      const [country = "", structure = usual] = entry.split(":");
      return [country, countryOf(structure)] as const;
    }),
  ),
);

/** Mod 97 over the rearranged number, letters as 10 to 35. */
const checked = (iban: string): boolean =>
  remainder(
    (iban.slice(4) + iban.slice(0, 4)).replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55)),
    97,
  ) === 1;

/** Offset behind the first `count` letters and digits of the text, or undefined where there are fewer. */
function endOf(text: string, count: number): number | undefined {
  let seen = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (/[A-Za-z0-9]/.test(text.charAt(i))) seen += 1;
    if (seen === count) return i + 1;
  }
  return undefined;
}

/** Words of a sentence are not an account: where letters are parted by spaces, half of the rest must be figures. */
const isSentence = (text: string): boolean => /\s\p{Ll}{2,}\s/u.test(text) && text.replace(/\D/g, "").length < 10;

const accept =
  (lead: number, isRight: (iban: string) => boolean) =>
  (match: RegExpExecArray): Part | undefined => {
    const text = match[0].slice(lead);
    const letters = text.replace(/[^A-Za-z0-9]/g, "").toUpperCase();
    const country = COUNTRIES.get(letters.slice(0, 2));
    const end = country === undefined ? undefined : endOf(text, country.length);
    if (country === undefined || end === undefined || /[\p{L}\p{N}_]/u.test(match.input.charAt(match.index + lead + end))) return undefined;
    const iban = letters.slice(0, country.length);
    return country.pattern.test(iban) && isRight(iban) && !isSentence(text.slice(0, end)) ? [lead, lead + end] : undefined;
  };

const NUMBER = String.raw`[a-z]{2}[ .-]?\d{2}(?:(?:[ .+-]{0,2}|[ .-]?[\r\n\t]{1,2}[ >]{0,4})[a-z0-9]){11,30}`;

/** Rules for IBANs. */
export const IBAN_RULES: readonly Rule[] = [
  {
    label: "IBAN",
    detector: "rule:iban",
    score: 0.99,
    pattern: new RegExp(String.raw`(?<![\p{L}\p{N}])${NUMBER}`, "giu"),
    starts: { letters: [2, 2] },
    accept: accept(0, checked),
  },
  {
    label: "IBAN",
    detector: "rule:iban-glued",
    score: 0.99,
    pattern: new RegExp(`iban${NUMBER}`, "giu"),
    starts: { texts: ["IBAN", "Iban", "iban"] },
    accept: accept(4, checked),
  },
  {
    // A slip of the pen is still an account.
    label: "IBAN",
    detector: "rule:iban-named",
    score: 0.8,
    pattern: new RegExp(String.raw`(?<![\p{L}\p{N}])${NUMBER}`, "giu"),
    starts: { letters: [2, 2] },
    accept: accept(0, () => true),
    context: /\biban\b|account|konto|compte|cuenta|conto|rekening|rachun/,
  },
];
