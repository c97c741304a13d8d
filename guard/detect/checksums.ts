/** Check digits that several kinds of identifier share. Inputs are digits only unless said otherwise. */

const digitsOf = (text: string): number[] => Array.from(text, Number);

/** Luhn (ISO/IEC 7812-1). */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Sum of digits times weights; the number must have at least as many digits as there are weights. */
export const weighted = (digits: string, weights: readonly number[]): number => {
  const values = digitsOf(digits);
  return weights.reduce((sum, weight, i) => sum + weight * (values[i] ?? 0), 0);
};

/** Remainder of a number of any length, in text form. */
export function remainder(digits: string, modulus: number): number {
  let rest = 0;
  for (const digit of digits) rest = (rest * 10 + Number(digit)) % modulus;
  return rest;
}

/** ISO 7064 MOD 11,10, over all digits with the check digit last. */
export function mod11And10(digits: string): boolean {
  let product = 10;
  for (const digit of digitsOf(digits.slice(0, -1))) {
    const sum = (digit + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === Number(digits.at(-1));
}

const VERHOEFF_PERMUTATION = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

const dihedral = (a: number, b: number): number => {
  const rotated = a < 5 ? (a + (b % 5)) % 5 : (a - (b % 5) + 5) % 5;
  return a < 5 === b < 5 ? rotated : rotated + 5;
};

/** Verhoeff, with the check digit last. */
export function verhoeff(digits: string): boolean {
  let check = 0;
  digitsOf(digits)
    .reverse()
    .forEach((digit, position) => {
      let permuted = digit;
      for (let i = 0; i < position % 8; i += 1) permuted = VERHOEFF_PERMUTATION[permuted] ?? 0;
      check = dihedral(check, permuted);
    });
  return check === 0;
}

/** True for a day of the calendar; years have four digits. */
export function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && year >= 1800;
}

/** True where two-digit year, month and day are a day in this or the last century. */
export const isShortDay = (year: string, month: string, day: string): boolean =>
  isDay(1900 + Number(year), Number(month), Number(day)) || isDay(2000 + Number(year), Number(month), Number(day));
