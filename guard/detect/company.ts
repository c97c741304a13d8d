/** Tells whether a place is close to other data of a person on the same line, as in a row of a table whose header is elsewhere. */
import type { Finding } from "./finding.ts";

const REACH = 160;

/** Makes the question for one text and what is certain in it. Bounded work per question. */
export function createCompany(text: string, findings: readonly Finding[]): { isNear(place: number): boolean } {
  const others = findings.filter((finding) => finding.label !== "SECRET" && finding.label !== "IP").toSorted((a, b) => a.start - b.start);

  /** Index of the first finding that starts at or behind a place. */
  const following = (place: number): number => {
    let low = 0;
    let high = others.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((others[middle]?.start ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const joined = (from: number, to: number): boolean => to - from <= REACH && !text.slice(from, to).includes("\n");

  return {
    isNear: (place) => {
      const next = following(place);
      const before = others[next - 1];
      const after = others[next];
      return (before !== undefined && joined(before.end, place)) || (after !== undefined && joined(place, after.start));
    },
  };
}
