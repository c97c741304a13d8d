/** National ids of Western and Southern Europe. Source: the registers' own descriptions of their check digits. */
import { isDay, luhn, mod11And10, remainder, verhoeff, weighted } from "../../checksums.ts";
import { at, beginsDayMonthYear, digit } from "./digits.ts";
import type { IdKind } from "./id-kind.ts";

/** Letter of a Spanish DNI or NIE. */
export const spanishLetter = (digits: string): string => "TRWAGMYFPDXBNJZSQVHLCKE".charAt(Number(digits) % 23);

/** Figures of a German tax id: one figure comes twice or three times, the others once or never. */
const germanDigits = (id: string): boolean => {
  const counts = Array.from("0123456789", (figure) => at(id, 0, 10).split(figure).length - 1).filter((count) => count > 1);
  return counts.length === 1 && (counts[0] === 2 || counts[0] === 3) && !id.startsWith("0");
};

/** German pension insurance: the letter counts as its place in the alphabet, products as their cross sum. */
const germanPension = (id: string): boolean => {
  const letter = String(id.charCodeAt(8) - 64).padStart(2, "0");
  const figures = at(id, 0, 8) + letter + at(id, 9, 11);
  const sum = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1].reduce((total, weight, i) => {
    const product = weight * digit(figures, i);
    return total + Math.floor(product / 10) + (product % 10);
  }, 0);
  return sum % 10 === digit(id, 11) && Number(at(id, 2, 4)) <= 31 && Number(at(id, 4, 6)) <= 12;
};

const frenchKey = (id: string): boolean => {
  const number = at(id, 0, 13).replace("2A", "19").replace("2B", "18");
  return 97 - remainder(number, 97) === Number(at(id, 13));
};

const ITALIAN_ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
const italian = (id: string): boolean => {
  const value = (character: string): number => (/\d/.test(character) ? Number(character) : character.charCodeAt(0) - 65);
  const sum = [...at(id, 0, 15)].reduce(
    (total, character, i) => total + (i % 2 === 0 ? (ITALIAN_ODD[value(character)] ?? 0) : value(character)),
    0,
  );
  return String.fromCharCode(65 + (sum % 26)) === id.charAt(15);
};

/** From 2000 on the number counts with a 2 before it; months plus 20 or 40 are foreigners' numbers. */
const belgian = (id: string): boolean => {
  const key = Number(at(id, 9));
  return (
    Number(at(id, 2, 4)) % 20 <= 12 &&
    Number(at(id, 4, 6)) <= 31 &&
    (97 - remainder(at(id, 0, 9), 97) === key || 97 - remainder(`2${at(id, 0, 9)}`, 97) === key)
  );
};

const irish = (id: string): boolean => {
  const second = id.charAt(8) === "" || id.charAt(8) === "W" ? 0 : id.charCodeAt(8) - 64;
  return "WABCDEFGHIJKLMNOPQRSTUV".charAt((weighted(id, [8, 7, 6, 5, 4, 3, 2]) + 9 * second) % 23) === id.charAt(7);
};

const swiss = (id: string): boolean => (10 - (weighted(id, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10)) % 10 === digit(id, 12);

const portuguese = (id: string): boolean => {
  const rest = weighted(id, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
  return (rest < 2 ? 0 : 11 - rest) === digit(id, 8);
};

/** Luxembourg has two check digits over the same eleven figures. */
const luxembourgish = (id: string): boolean =>
  isDay(Number(at(id, 0, 4)), Number(at(id, 4, 6)), Number(at(id, 6, 8))) && luhn(at(id, 0, 12)) && verhoeff(at(id, 0, 11) + at(id, 12));

const nhs = (id: string): boolean => (11 - (weighted(id, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11 === digit(id, 9);

/** The kinds. */
export const WESTERN_IDS: readonly IdKind[] = [
  { id: "es-dni", shape: String.raw`(?:\d{8}|\d{2}~\d{3}~\d{3})~[A-Z]`, valid: (id) => spanishLetter(at(id, 0, 8)) === id.charAt(8) },
  {
    id: "es-nie",
    shape: String.raw`[XYZ]~\d{7}~[A-Z]`,
    valid: (id) => spanishLetter("XYZ".indexOf(id.charAt(0)) + at(id, 1, 8)) === id.charAt(8),
  },
  { id: "de-tax-id", shape: String.raw`[1-9]\d~\d{3}~\d{3}~\d{3}`, valid: (id) => germanDigits(id) && mod11And10(id) },
  { id: "de-pension", shape: String.raw`\d{2}~\d{6}~[A-Z]~\d{2}~?\d`, valid: germanPension },
  { id: "fr-nir", shape: String.raw`[1-478]~\d{2}~\d{2}~(?:\d{2}|2[AB])~\d{3}~\d{3}~\d{2}`, valid: frenchKey, figures: 5 },
  {
    id: "gb-nino",
    shape: String.raw`[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]~\d{2}~\d{2}~\d{2}~[A-D]`,
    valid: (id) => !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(id),
    upperOnly: true,
  },
  {
    id: "gb-nino-named",
    shape: String.raw`[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]~\d{2}~\d{2}~\d{2}~[A-D]`,
    valid: () => true,
    besideOthers: true,
    context: /\bnino\b|national (?:insurance|id)|\bni (?:number|no)\b|\bn\.? ?i\.? number/,
  },
  { id: "gb-nhs", shape: String.raw`\d{3}~\d{3}~\d{4}`, valid: nhs, context: /\bnhs\b|health (?:service )?number|patient/ },
  { id: "gb-driving-licence", shape: String.raw`[A-Z9]{5}\d{6}[A-Z9]{2}\d[A-Z]{2}`, letters: [2, 5], valid: () => true, upperOnly: true },
  {
    id: "it-codice-fiscale",
    letters: [3, 6],
    shape: String.raw`[A-Z]{3}~[A-Z]{3}~[\dLMNP-V]{2}[A-EHLMPR-T][\dLMNP-V]{2}~[A-Z][\dLMNP-V]{3}~?[A-Z]`,
    valid: italian,
  },
  {
    id: "nl-bsn",
    shape: String.raw`\d{3}~\d{3}~\d{3}|\d{4}~\d{2}~\d{3}`,
    valid: (id) => Number(id) > 0 && weighted(id, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0,
    besideOthers: true,
    context: /\bbsn\b|burger ?service|sofi|national id|persoonsnummer/,
    lead: /(?:\bbsn\b|burgerservicenummer)[^\n]{0,120}$/,
  },
  {
    id: "pt-nif",
    shape: String.raw`[1-9]\d{2}~\d{3}~\d{3}`,
    valid: portuguese,
    besideOthers: true,
    context: /\bnif\b|contribuinte|\bnipc\b|national id|\btax/,
  },
  { id: "be-national-number", shape: String.raw`\d{2}~\d{2}~\d{2}~\d{3}~\d{2}`, valid: belgian },
  { id: "ch-ahv", shape: String.raw`756~\d{4}~\d{4}~\d{2}`, valid: swiss },
  {
    id: "ie-ppsn",
    shape: String.raw`\d{7} ?[A-W][A-IW]?`,
    valid: irish,
    figures: 7,
    besideOthers: true,
    context: /\bpps(?:n|no)?\b|national id|\brsi\b/,
  },
  {
    id: "at-svnr",
    shape: String.raw`[1-9]\d{3}~\d{6}`,
    valid: (id) => weighted(id, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 === digit(id, 3),
    besideOthers: true,
    context: /\bsvnr\b|sozialversicherung|\bsv[- ]?n(?:umme)?r|national id/,
  },
  { id: "lu-matricule", shape: String.raw`(?:18|19|20)\d{11}|(?:18|19|20)\d{2}~\d{2}~\d{2}~\d{5}`, valid: luxembourgish },
  {
    id: "gr-amka",
    shape: String.raw`\d{6}~\d{5}`,
    valid: (id) => beginsDayMonthYear(id) && luhn(id),
    context: /amka|αμκα|national id|insurance/,
  },
];
