/** Counts of masked values. */
import type { MaskedCount } from "./model.ts";

/** Adds counts of the same class; the largest first. */
export function sumCounts(counts: readonly MaskedCount[]): MaskedCount[] {
  const groups = Map.groupBy(counts, (item) => item.class);
  return [...groups]
    .map(([name, items]) => ({ class: name, count: items.reduce((sum, item) => sum + item.count, 0) }))
    .sort((a, b) => b.count - a.count || (a.class < b.class ? -1 : 1));
}

/** All counts together. */
export const totalCount = (counts: readonly MaskedCount[]): number => counts.reduce((sum, item) => sum + item.count, 0);

/** A class in words: `national_id` or `NATIONAL_ID` becomes `national id`; well-known short names stay as people write them. */
export function classText(name: string): string {
  const known: Readonly<Record<string, string>> = { iban: "IBAN", email: "e-mail", ip: "IP address", url: "URL", ssn: "SSN" };
  const plain = name.toLowerCase().replaceAll(/[_-]+/g, " ");
  return known[plain] ?? plain;
}
