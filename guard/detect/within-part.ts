/** Findings of a text as those of a part of it, for texts that are looked through with what stands around them. */
import type { Finding } from "./finding.ts";

/**
 * The findings that lie in a part, with offsets of the part. One that reaches over an end is cut there: its other piece is in the neighbouring
 * part, so that nothing of it passes.
 * @param part `start` and `length` of the part in the text that the findings are of
 */
export function findingsWithin(findings: readonly Finding[], text: string, part: { start: number; length: number }): Finding[] {
  const end = part.start + part.length;
  return findings
    .filter((finding) => finding.start < end && finding.end > part.start)
    .map((finding) => {
      const whole = finding.start >= part.start && finding.end <= end;
      const [from, to] = [Math.max(finding.start, part.start), Math.min(finding.end, end)];
      return { ...finding, start: from - part.start, end: to - part.start, value: whole ? finding.value : text.slice(from, to) };
    });
}
