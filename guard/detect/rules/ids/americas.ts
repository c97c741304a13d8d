/** National ids of the Americas. Source: the issuers' own descriptions (SSA, CRA, Receita Federal, RENAPO, Registro Civil). */
import { isShortDay, luhn } from "../../checksums.ts";
import { at, digit, elevenLess } from "./digits.ts";
import type { IdKind } from "./id-kind.ts";

/** Areas, groups and serials that the SSA never issues, and numbers that it printed in advertisements. */
const american = (id: string): boolean =>
  !/^(?:000|666|9)|^\d{3}00|0000$/.test(id) && !["078051120", "219099999", "123456789"].includes(id);

const brazilian = (id: string): boolean => {
  const check = (length: number): boolean => {
    const sum = [...at(id, 0, length)].reduce((total, figure, i) => total + Number(figure) * (length + 1 - i), 0);
    return ((sum * 10) % 11) % 10 === digit(id, length);
  };
  return !/^(\d)\1*$/.test(id) && check(9) && check(10);
};

const CURP_VALUES = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ";
const mexican = (id: string): boolean => {
  const sum = [...at(id, 0, 17)].reduce((total, character, i) => total + CURP_VALUES.indexOf(character) * (18 - i), 0);
  return isShortDay(at(id, 4, 6), at(id, 6, 8), at(id, 8, 10)) && (10 - (sum % 10)) % 10 === digit(id, 17);
};

const chilean = (id: string): boolean => {
  const body = id.slice(0, -1).padStart(8, "0");
  return "0123456789K0".charAt(elevenLess(body, [3, 2, 7, 6, 5, 4, 3, 2])) === id.slice(-1);
};

/** The kinds. */
export const AMERICAN_IDS: readonly IdKind[] = [
  { id: "us-ssn", shape: String.raw`\d{3}(?<sep>[ -]|\u{20}?-\u{20}?)\d{2}\k<sep>\d{4}`, valid: american },
  {
    id: "us-ssn-bare",
    shape: String.raw`\d{3}~\d{2}~\d{4}`,
    valid: american,
    context: /\bssn\b|social sec|\btin\b|tax ?payer|\bss ?(?:#|no|number)/,
  },
  {
    id: "ca-sin",
    shape: String.raw`\d{3}~\d{3}~\d{3}`,
    valid: luhn,
    context: /\bsin\b|social insurance|national id|\bnas\b|assurance sociale/,
  },
  { id: "br-cpf", shape: String.raw`\d{3}~\d{3}~\d{3}~\d{2}`, valid: brazilian },
  {
    id: "mx-curp",
    letters: [4, 4],
    shape: String.raw`[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-ZÑ]{3}[A-Z0-9]\d`,
    valid: mexican,
  },
  { id: "cl-rut", shape: String.raw`\d{1,2}\.\d{3}\.\d{3}-[\dK]`, valid: chilean, figures: 7 },
  { id: "cl-rut-named", shape: String.raw`\d{7,8}-?[\dK]`, valid: chilean, figures: 7, context: /\brut\b|\brun\b|national id|cédula/ },
];
