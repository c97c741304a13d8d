/** Money as whole cents, so that sums are exact; decimal text with two digits at every boundary. */
import { z } from "zod";

/** Decimal text with two digits, for example `-1204.50`. */
export const moneyText = z.string().regex(/^-?\d{1,12}\.\d{2}$/, "an amount like 1204.50, with two decimals");

/** Whole cents from decimal text that {@link moneyText} has checked. */
export const centsOf = (text: string): number => Number(text.replace(".", ""));

/** Decimal text of whole cents. */
export function formatCents(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, "0");
  return `${cents < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Sum of whole cents. */
export const sumCents = (amounts: readonly number[]): number => amounts.reduce((sum, cents) => sum + cents, 0);
