/** IBAN: country, length, mod 97; with or without spaces, over a line's end, any case. Source: ISO 13616, SWIFT IBAN registry lengths. */
import { remainder } from "../checksums.ts";
import type { Part, Rule } from "../rule.ts";

const LENGTHS: Readonly<Record<number, string>> = {
  15: "NO",
  16: "BE",
  18: "BI DK FI FK FO GL NL SD",
  19: "MK SI",
  20: "AT BA EE KZ LT LU MN XK",
  21: "CH CR HR LI LV",
  22: "BG BH DE GB GE IE ME RS VA",
  23: "AE GI IL IQ OM SO TL",
  24: "AD CZ ES MD PK RO SA SE SK TN VG",
  25: "LY PT ST",
  26: "IS TR",
  27: "BI DJ FR GR IT MC MR SM",
  28: "AL AZ BY CY DO GT HU LB NI PL SV",
  29: "BR EG PS QA UA",
  30: "JO KW MU YE",
  31: "MT SC",
  32: "LC",
  33: "RU",
};

const lengthsOf = (country: string): number[] =>
  Object.entries(LENGTHS).flatMap(([length, countries]) => (countries.split(" ").includes(country) ? [Number(length)] : []));

/** Mod 97 over the rearranged number, letters as 10 to 35. */
function valid(iban: string): boolean {
  const rearranged = iban.slice(4) + iban.slice(0, 4);
  return (
    remainder(
      rearranged.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55)),
      97,
    ) === 1
  );
}

/** Offset behind the first `count` letters and digits of the text, or undefined where there are fewer. */
function endOf(text: string, count: number): number | undefined {
  let seen = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (/[A-Za-z0-9]/.test(text.charAt(i))) seen += 1;
    if (seen === count) return i + 1;
  }
  return undefined;
}

function accept(match: RegExpExecArray): Part | undefined {
  const letters = match[0].replace(/[^A-Za-z0-9]/g, "").toUpperCase();
  for (const length of lengthsOf(letters.slice(0, 2))) {
    const end = endOf(match[0], length);
    if (end !== undefined && valid(letters.slice(0, length))) return [0, end];
  }
  return undefined;
}

/** Rules for IBANs. */
export const IBAN_RULES: readonly Rule[] = [
  {
    label: "IBAN",
    detector: "rule:iban",
    score: 0.99,
    pattern: /(?:(?<![\p{L}\p{N}])|(?<=iban))[a-z]{2}[ .-]?\d{2}(?:(?:[ .+-]{0,2}|[ .-]?[\r\n\t]{1,2} {0,4})[a-z0-9]){11,29}/giu,
    accept,
  },
];
