/** Brings the bounds of found names to what a person would mark: no punctuation around them, no possessive, parts of one address in one. */
import { NAME_PARTICLES } from "../common-words.ts";
import type { Finding } from "../finding.ts";
import { foldCase } from "../phrase-finder.ts";
import { NO_TOWN, STATE_CODES, TITLES_BEFORE, WIDER_PLACES } from "./plain-words.ts";
import { widenedEnd, widenedStart, withPartsJoined } from "./span-joins.ts";

const EDGE = /[\s"'`’‘“”«»„‚<>{}[\]|*_~#,;:!?=/\\-]/u;
const OPENERS = "([{";
const CLOSERS = ")]}";
const BRACKETS = ["()", "[]", "{}"];
const POSSESSIVE = /\s?['’]s?$/u;

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

/** A finding from another place on. */
const from = (finding: Finding, start: number, text: string): Finding => ({ ...finding, start, value: text.slice(start, finding.end) });

/** A person's name without titles and salutations before it. */
function withoutTitle(finding: Finding, text: string): Finding {
  const title = finding.label === "PERSON" ? TITLES_BEFORE.exec(finding.value)?.[0].length : undefined;
  return title === undefined ? finding : from(finding, finding.start + title, text);
}

/** `Springfield Ohio` as a town and its state: two places. A state or country is a place where the model takes it for what governs it, too. */
function townAndState(finding: Finding, text: string): Finding[] {
  if (finding.label === "ORG" && WIDER_PLACES.has(finding.value.toLowerCase())) return [{ ...finding, label: "LOCATION" }];
  if (finding.label !== "LOCATION") return [finding];
  for (const gap of finding.value.matchAll(/[ \t]+/g)) {
    const wider = finding.value.slice(gap.index + gap[0].length);
    if (!WIDER_PLACES.has(wider.toLowerCase()) && !STATE_CODES.has(wider)) continue;
    const town = finding.value.slice(0, gap.index);
    if (NO_TOWN.has(town.toLowerCase()) || NO_TOWN.has(town.split(" ", 1)[0]?.toLowerCase() ?? "") || /\b(?:of|de|in)$/i.test(town))
      return [finding];
    const end = finding.start + town.length;
    return [{ ...finding, end, value: town }, from(finding, finding.start + gap.index + gap[0].length, text)];
  }
  return [finding];
}

/** Findings of the model, trimmed, parted, joined and widened; in order, not overlapping, as they were. */
export function withCleanEdges(findings: readonly Finding[], text: string): Finding[] {
  const parts = findings
    .flatMap((each) => linesOf(each, text))
    .flatMap((each) => trimmed(each, text) ?? [])
    .flatMap((each) => townAndState(withoutTitle(each, text), text));
  let after = 0;
  return withPartsJoined(parts, text).map((finding, i, all) => {
    const start = widenedStart(finding, text, after);
    const end = widenedEnd(finding, text, all[i + 1]?.start ?? text.length);
    after = end;
    return start === finding.start && end === finding.end ? finding : { ...finding, start, end, value: text.slice(start, end) };
  });
}
