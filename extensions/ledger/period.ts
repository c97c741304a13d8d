/** An accounting period: one calendar month. */
import { z } from "zod";

/** A month as YYYY-MM. */
export const periodText = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, "a period like 2026-10");

/** A day as YYYY-MM-DD. */
export const dayText = z.iso.date();

/** Last day of a month, as YYYY-MM-DD. */
export function lastDayOf(period: string): string {
  const [year = 0, month = 0] = period.split("-").map(Number);
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
}

/** Days from one day to a later one. */
export const daysBetween = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
