/** Tells whether a place is close to other data of a person on the same line, as in a row of a table whose header is elsewhere. */
import type { DataClass } from "../../mesh/contract/data-class.ts";
import type { Finding } from "./finding.ts";

const REACH = 160;
/** Classes that also stand where nobody is meant. */
const ANYWHERE: ReadonlySet<DataClass> = new Set(["SECRET", "IP", "DATE"]);
/** Findings before a value that may overlap it. */
const LOOK_BACK = 4;

/** Makes the question for one text and what is certain in it. Bounded work per question. */
export function createCompany(text: string, findings: readonly Finding[]): { isNear(start: number, end: number): boolean } {
  const others = findings.filter((finding) => !ANYWHERE.has(finding.label)).toSorted((a, b) => a.start - b.start);

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
    // What lies over the value itself is another reading of it and no company.
    isNear: (start, end) => {
      const before = others.slice(Math.max(0, following(start) - LOOK_BACK), following(start)).findLast((other) => other.end <= start);
      const after = others[following(end)];
      return (before !== undefined && joined(before.end, start)) || (after !== undefined && joined(end, after.start));
    },
  };
}
