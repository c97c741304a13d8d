/** Joins overlapping findings, so that every character that anything found is covered exactly once. */
import type { Finding } from "./finding.ts";

/** A date may pass where everything else is masked, so it never gives its class to a span that holds more. */
const rank = (finding: Finding): number => (finding.label === "DATE" ? finding.score - 1 : finding.score);

/** The more certain finding; of equals, the longer. */
const stronger = (a: Finding, b: Finding): Finding =>
  rank(b) > rank(a) || (rank(b) === rank(a) && b.end - b.start > a.end - a.start) ? b : a;

/**
 * Findings in order without overlap: where some overlap, one span covers them all and bears the class of the strongest.
 * @param text where the offsets are from, for the value of a joined span
 */
export function mergeFindings(findings: readonly Finding[], text: string): Finding[] {
  const merged: Finding[] = [];
  for (const finding of findings.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last === undefined || finding.start >= last.end) {
      merged.push(finding);
      continue;
    }
    const best = stronger(last, finding);
    const start = last.start;
    const end = Math.max(last.end, finding.end);
    const value = best.start === start && best.end === end ? best.value : text.slice(start, end);
    merged[merged.length - 1] = { ...best, start, end, value };
  }
  return merged;
}

/** The findings that touch none of the others; both lists are in order and without overlap. */
export function notOverlapping(findings: readonly Finding[], others: readonly Finding[]): Finding[] {
  let next = 0;
  return findings.filter((finding) => {
    while ((others[next]?.end ?? Number.POSITIVE_INFINITY) <= finding.start) next += 1;
    return (others[next]?.start ?? Number.POSITIVE_INFINITY) >= finding.end;
  });
}
