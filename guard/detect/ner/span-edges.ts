/** Brings the bounds of found names to what a person would mark: no punctuation around them, no possessive, parts of one address in one. */
import { NAME_PARTICLES } from "../common-words.ts";
import type { Finding } from "../finding.ts";
import { foldCase } from "../phrase-finder.ts";
import { widenedEnd, widenedStart, withPartsJoined } from "./span-joins.ts";

const EDGE = /[\s"'`’‘“”«»„‚<>{}[\]|*_~#,;:!?=/\\-]/u;
const OPENERS = "([{";
const CLOSERS = ")]}";
const BRACKETS = ["()", "[]", "{}"];
const POSSESSIVE = /['’]s?$/u;

const isBracketed = (text: string, start: number, end: number): boolean => {
  const inner = text.slice(start, end);
  return BRACKETS.every((pair) => inner.includes(pair.charAt(0)) === inner.includes(pair.charAt(1)));
};

/** A finding without what doesn't belong to a name at its edges, or undefined where nothing is left. */
function trimmed(finding: Finding, text: string): Finding | undefined {
  let { start, end } = finding;
  const isEdge = (place: number, brackets: string): boolean =>
    EDGE.test(text.charAt(place)) || (brackets.includes(text.charAt(place)) && !isBracketed(text, start, end));
  while (start < end && isEdge(start, CLOSERS)) start += 1;
  while (end > start && isEdge(end - 1, OPENERS)) end -= 1;
  if (start < end && OPENERS.includes(text.charAt(start)) && !isBracketed(text, start, end)) start += 1;
  if (start < end && CLOSERS.includes(text.charAt(end - 1)) && !isBracketed(text, start, end)) end -= 1;
  end -= POSSESSIVE.exec(text.slice(start, end))?.[0].length ?? 0;
  // A lone point ends a sentence; one behind a single letter or a short word belongs to an initial or a form such as Inc.
  if (text.charAt(end - 1) === "." && !/(?:^|[\s.])\p{L}{1,4}\.$/u.test(text.slice(start, end))) end -= 1;
  const value = text.slice(start, end);
  if (!/[\p{L}\p{N}]/u.test(value) || (finding.label === "PERSON" && NAME_PARTICLES.has(foldCase(value)))) return undefined;
  return { ...finding, start, end, value };
}

/** The lines of a finding. Only an address goes over several; else the end of one line and the beginning of the next are two names, or one and none. */
function linesOf(finding: Finding, text: string): Finding[] {
  if (finding.label === "ADDRESS" || !finding.value.includes("\n")) return [finding];
  return Array.from(finding.value.matchAll(/[^\n]+/g), ({ 0: line, index }) => {
    const start = finding.start + index;
    return { ...finding, start, end: start + line.length, value: text.slice(start, start + line.length) };
  });
}

/** Findings of the model, trimmed, parted, joined and widened; in order, not overlapping, as they were. */
export function withCleanEdges(findings: readonly Finding[], text: string): Finding[] {
  const parts = findings.flatMap((each) => linesOf(each, text)).flatMap((each) => trimmed(each, text) ?? []);
  let after = 0;
  return withPartsJoined(parts, text).map((finding, i, all) => {
    const start = widenedStart(finding, text, after);
    const end = widenedEnd(finding, text, all[i + 1]?.start ?? text.length);
    after = end;
    return start === finding.start && end === finding.end ? finding : { ...finding, start, end, value: text.slice(start, end) };
  });
}
