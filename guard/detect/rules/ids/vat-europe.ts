/** European VAT numbers. Source: the European Commission's VIES number formats and the states' own check digits. */
import { luhn, mod11And10, remainder, weighted } from "../../checksums.ts";
import { spanishLetter } from "./europe-west.ts";
import { at, digit, elevenLess } from "./digits.ts";

/** The part behind the country's letters: its pattern, and when its letters and digits are right. */
export interface VatKind {
  readonly country: string;
  readonly shape: string;
  readonly valid: (number: string) => boolean;
}

const any = (): boolean => true;
const last = (id: string): number => digit(id, id.length - 1);
/** Eleven less the remainder, with ten and eleven as the state says. */
const modEleven =
  (weights: readonly number[], ten = 0, eleven = 0) =>
  (id: string): boolean => {
    const check = elevenLess(id, weights);
    return (check === 10 ? ten : check === 11 ? eleven : check) === last(id);
  };

const austrian = (id: string): boolean => {
  const sum = [1, 2, 1, 2, 1, 2, 1].reduce((total, weight, i) => {
    const product = weight * digit(id, i + 1);
    return total + Math.floor(product / 10) + (product % 10);
  }, 0);
  return (10 - ((sum + 4) % 10)) % 10 === digit(id, 8);
};
const CIF_LETTERS = "JABCDEFGHI";
/** Companies: letter, seven figures, and a figure or letter that checks them. */
export const spanishCompany = (id: string): boolean => {
  const sum = [...at(id, 1, 8)].reduce((total, figure, i) => {
    const value = Number(figure) * (i % 2 === 0 ? 2 : 1);
    return total + Math.floor(value / 10) + (value % 10);
  }, 0);
  const check = (10 - (sum % 10)) % 10;
  return id.charAt(8) === String(check) || id.charAt(8) === CIF_LETTERS.charAt(check);
};
const spanish = (id: string): boolean =>
  /^\d/.test(id)
    ? spanishLetter(at(id, 0, 8)) === id.charAt(8)
    : /^[XYZ]/.test(id)
      ? spanishLetter("XYZ".indexOf(id.charAt(0)) + at(id, 1, 8)) === id.charAt(8)
      : spanishCompany(id);
const french = (id: string): boolean =>
  luhn(at(id, 2)) && (/^\d\d/.test(id) ? Number(at(id, 0, 2)) === (12 + 3 * remainder(at(id, 2), 97)) % 97 : true);
const british = (id: string): boolean => {
  const sum = weighted(id, [8, 7, 6, 5, 4, 3, 2]) + Number(at(id, 7, 9));
  return sum % 97 === 0 || (sum + 55) % 97 === 0;
};
const irish = (id: string): boolean =>
  /^\d{7}/.test(id)
    ? "WABCDEFGHIJKLMNOPQRSTUV".charAt(
        (weighted(id, [8, 7, 6, 5, 4, 3, 2]) + 9 * (/[A-I]$/.test(at(id, 8)) ? id.charCodeAt(8) - 64 : 0)) % 23,
      ) === id.charAt(7)
    : true;
/** Sole traders since 2020 have a number by mod 97 over the letters too; the others one by mod 11. */
const dutch = (id: string): boolean => {
  const letters = `NL${id}`.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  return weighted(id, [9, 8, 7, 6, 5, 4, 3, 2]) % 11 === digit(id, 8) || remainder(letters, 97) === 1;
};
const polish = (id: string): boolean => weighted(id, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 === digit(id, 9);
const romanian = (id: string): boolean => {
  const body = id.slice(0, -1).padStart(9, "0");
  return ((weighted(body, [7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10) % 11) % 10 === last(id);
};
/** Partita IVA. */
export const italianVat = (id: string): boolean => luhn(id);
const lithuanian = (id: string): boolean => {
  const first =
    id
      .slice(0, -1)
      .split("")
      .reduce((sum, figure, i) => sum + Number(figure) * ((i % 9) + 1), 0) % 11;
  const second =
    id
      .slice(0, -1)
      .split("")
      .reduce((sum, figure, i) => sum + Number(figure) * (((i + 2) % 9) + 1), 0) % 11;
  return (first < 10 ? first : second % 10) === last(id);
};

/** The kinds; `~` in a shape as in other ids. Where a state has several forms, the less common ones need no check digit. */
export const VAT_KINDS: readonly VatKind[] = [
  { country: "AT", shape: String.raw`U~\d{8}`, valid: austrian },
  { country: "BE", shape: String.raw`[01]\d{3}~\d{3}~\d{3}`, valid: (id) => 97 - remainder(at(id, 0, 8), 97) === Number(at(id, 8)) },
  { country: "BG", shape: String.raw`\d{9,10}`, valid: any },
  { country: "CHE", shape: String.raw`\d{3}~\d{3}~\d{3}`, valid: modEleven([5, 4, 3, 2, 7, 6, 5, 4], -1) },
  { country: "CY", shape: String.raw`\d{8}[A-Z]`, valid: any },
  { country: "CZ", shape: String.raw`\d{8,10}`, valid: any },
  { country: "DE", shape: String.raw`[1-9]\d{2}~\d{3}~\d{3}`, valid: mod11And10 },
  { country: "DK", shape: String.raw`\d{2}~\d{2}~\d{2}~\d{2}`, valid: (id) => weighted(id, [2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0 },
  { country: "EE", shape: String.raw`\d{9}`, valid: (id) => (10 - (weighted(id, [3, 7, 1, 3, 7, 1, 3, 7]) % 10)) % 10 === digit(id, 8) },
  { country: "EL", shape: String.raw`\d{9}`, valid: (id) => (weighted(id, [256, 128, 64, 32, 16, 8, 4, 2]) % 11) % 10 === digit(id, 8) },
  { country: "ES", shape: String.raw`[A-Z0-9]\d{7}[A-Z0-9]`, valid: spanish },
  { country: "FI", shape: String.raw`\d{8}`, valid: modEleven([7, 9, 10, 5, 8, 4, 2], -1) },
  { country: "FR", shape: String.raw`[A-HJ-NP-Z0-9]{2}~\d{3}~\d{3}~\d{3}`, valid: french },
  { country: "GB", shape: String.raw`\d{3}~\d{4}~\d{2}(?:~\d{3})?`, valid: british },
  { country: "HR", shape: String.raw`\d{11}`, valid: mod11And10 },
  { country: "HU", shape: String.raw`\d{8}`, valid: (id) => (10 - (weighted(id, [9, 7, 3, 1, 9, 7, 3]) % 10)) % 10 === digit(id, 7) },
  { country: "IE", shape: String.raw`\d[A-Z0-9+*]\d{5}[A-W][A-I]?`, valid: irish },
  { country: "IT", shape: String.raw`\d{11}`, valid: italianVat },
  { country: "LT", shape: String.raw`\d{9}(?:\d{3})?`, valid: lithuanian },
  { country: "LU", shape: String.raw`\d{3}~\d{3}~\d{2}`, valid: (id) => Number(at(id, 0, 6)) % 89 === Number(at(id, 6)) },
  { country: "LV", shape: String.raw`\d{11}`, valid: any },
  { country: "MT", shape: String.raw`\d{8}`, valid: (id) => 37 - (weighted(id, [3, 4, 6, 7, 8, 9]) % 37) === Number(at(id, 6)) },
  { country: "NL", shape: String.raw`\d{9}~B~\d{2}`, valid: dutch },
  { country: "PL", shape: String.raw`\d{3}~\d{3}~\d{2}~\d{2}`, valid: polish },
  { country: "PT", shape: String.raw`\d{3}~\d{3}~\d{3}`, valid: modEleven([9, 8, 7, 6, 5, 4, 3, 2]) },
  { country: "RO", shape: String.raw`\d{6,10}`, valid: romanian },
  { country: "SE", shape: String.raw`\d{6}~\d{4}~01`, valid: (id) => luhn(at(id, 0, 10)) },
  { country: "SI", shape: String.raw`[1-9]\d{7}`, valid: modEleven([8, 7, 6, 5, 4, 3, 2], 0, -1) },
  { country: "SK", shape: String.raw`\d{10}`, valid: (id) => remainder(id, 11) === 0 },
  { country: "XI", shape: String.raw`\d{3}~\d{4}~\d{2}(?:~\d{3})?`, valid: british },
];
