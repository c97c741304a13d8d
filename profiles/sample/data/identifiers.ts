/** Synthetic identifiers with valid checksums: IBAN (ISO 13616), cards (ISO 7812), phones, national ids of eight countries. */
import type { Dice } from "./dice.ts";

/** Countries that the sample's people and firms come from (ISO 3166). */
export type Country = "DE" | "ES" | "FR" | "SE" | "NL" | "PL" | "GB" | "US";

/** Remainder of a long decimal number, digit by digit. */
const modulo = (digits: string, divisor: number): number => [...digits].reduce((rest, digit) => (rest * 10 + Number(digit)) % divisor, 0);

/** Luhn check digit of a decimal text. */
function luhnDigit(digits: string): number {
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return (10 - (sum % 10)) % 10;
}

const weighted = (digits: string, weights: readonly number[]): number =>
  weights.reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0);

const ibanBody: Record<Exclude<Country, "US">, (dice: Dice) => string> = {
  DE: (dice) => dice.pick(["37040044", "50010517", "10050000", "70020270"]) + dice.digits(10),
  ES: (dice) => dice.pick(["21000418", "00491500", "01822370"]) + dice.digits(12),
  FR: (dice) => dice.pick(["3000400812", "2004101005", "1027802215"]) + dice.digits(13),
  SE: (dice) => dice.pick(["500", "600", "800"]) + dice.digits(17),
  NL: (dice) => dice.pick(["ABNA", "INGB", "RABO"]) + dice.digits(10),
  PL: (dice) => dice.pick(["10901014", "11402004", "12401037"]) + dice.digits(16),
  GB: (dice) => dice.pick(["NWBK601613", "BARC200415", "LOYD309634"]) + dice.digits(8),
};

/** An IBAN in groups of four. People from the US hold a euro account in the Netherlands. */
export function createIban(dice: Dice, country: Country): string {
  const land = country === "US" ? "NL" : country;
  const body = ibanBody[land](dice);
  const numeric = [...`${body}${land}00`].map((char) => Number.parseInt(char, 36).toString()).join("");
  const check = String(98 - modulo(numeric, 97)).padStart(2, "0");
  return (`${land}${check}${body}`.match(/.{1,4}/g) ?? []).join(" ");
}

/** A card number (Visa or Mastercard) in groups of four. */
export function createCard(dice: Dice): string {
  const body = dice.pick(["453914", "491605", "516842", "554927"]) + dice.digits(9);
  return (`${body}${luhnDigit(body)}`.match(/.{4}/g) ?? []).join(" ");
}

const phones: Record<Country, (dice: Dice) => string> = {
  DE: (dice) => `+49 ${dice.pick(["151", "160", "170", "175"])} ${dice.digits(8)}`,
  ES: (dice) => `+34 6${dice.int(10, 69)} ${dice.digits(3)} ${dice.digits(3)}`,
  FR: (dice) => `+33 6 ${dice.int(10, 89)} ${dice.int(10, 99)} ${dice.int(10, 99)} ${dice.int(10, 99)}`,
  SE: (dice) => `+46 70-${dice.digits(3)} ${dice.int(10, 99)} ${dice.int(10, 99)}`,
  NL: (dice) => `+31 6 ${dice.int(10, 58)}${dice.digits(6)}`,
  PL: (dice) => `+48 ${dice.pick(["501", "602", "663", "791"])} ${dice.digits(3)} ${dice.digits(3)}`,
  GB: (dice) => `+44 ${dice.pick(["7400", "7555", "7824"])} ${dice.digits(6)}`,
  US: (dice) => `+1 (${dice.pick(["212", "415", "617", "312"])}) 555-01${dice.int(10, 99)}`,
};

/** A phone number in international form, with the separators that people of the country use. */
export const createPhone = (dice: Dice, country: Country): string => phones[country](dice);

/** German Steuer-ID: eleven digits, one of the first ten twice and one missing, ISO 7064 MOD 11,10. */
function steuerId(dice: Dice): string {
  const order = dice.shuffle(["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"]);
  if (order[0] === "0") order.reverse();
  const body = [...order.slice(0, 9), order[dice.int(0, 6)]].join("");
  const product = [...body].reduce((carry, digit) => {
    const sum = (Number(digit) + carry) % 10;
    return ((sum === 0 ? 10 : sum) * 2) % 11;
  }, 10);
  const check = (11 - product) % 10;
  return `${body.slice(0, 2)} ${body.slice(2, 5)} ${body.slice(5, 8)} ${body.slice(8)}${check}`;
}

/** Dutch BSN: nine digits that pass the eleven test. */
function bsn(dice: Dice): string {
  for (;;) {
    const body = dice.digits(8);
    const check = weighted(body, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    if (check < 10) return body + check;
  }
}

/** French NIR: sex, birth year and month, department, commune, order, key 97 − n mod 97. */
function nir(dice: Dice, birth: string): string {
  const place = dice.pick(["75", "69", "33", "59"]) + String(dice.int(1, 399)).padStart(3, "0");
  const body = `${dice.int(1, 2)}${birth.slice(2, 4)}${birth.slice(5, 7)}${place}${String(dice.int(1, 899)).padStart(3, "0")}`;
  const key = String(97 - modulo(body, 97)).padStart(2, "0");
  return [body.slice(0, 1), body.slice(1, 3), body.slice(3, 5), body.slice(5, 7), body.slice(7, 10), body.slice(10), key].join(" ");
}

/** Polish PESEL: birth date, serial, weighted check digit. */
function pesel(dice: Dice, birth: string): string {
  const month = String(Number(birth.slice(5, 7)) + (birth.startsWith("20") ? 20 : 0)).padStart(2, "0");
  const body = `${birth.slice(2, 4)}${month}${birth.slice(8)}${dice.digits(4)}`;
  return `${body}${(10 - (weighted(body, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10}`;
}

const nationalIds: Record<Country, (dice: Dice, birth: string) => string> = {
  DE: (dice) => steuerId(dice),
  ES: (dice) => {
    const body = dice.digits(8);
    return `${body}${"TRWAGMYFPDXBNJZSQVHLCKE"[modulo(body, 23)]}`;
  },
  FR: nir,
  SE: (dice, birth) => {
    const body = `${birth.slice(2, 4)}${birth.slice(5, 7)}${birth.slice(8)}${dice.digits(3)}`;
    return `${body.slice(0, 6)}-${body.slice(6)}${luhnDigit(body)}`;
  },
  NL: (dice) => bsn(dice),
  PL: pesel,
  GB: (dice) =>
    `${dice.pick(["AB", "CE", "JG", "PR", "WK"])} ${dice.int(10, 99)} ${dice.int(10, 99)} ${dice.int(10, 99)} ${dice.pick(["A", "B", "C", "D"])}`,
  US: (dice) => `${dice.int(100, 665)}-${dice.int(10, 99)}-${dice.digits(4)}`,
};

/**
 * A national id of the country: DNI, Steuer-ID, NIR, personnummer, BSN, PESEL, NI number or SSN.
 * @param birth birth date as YYYY-MM-DD; some ids hold it
 */
export const createNationalId = (dice: Dice, country: Country, birth: string): string => nationalIds[country](dice, birth);
