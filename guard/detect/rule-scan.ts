/** Applies the rules to one reading of a text: first those that are certain by themselves, then those that need context or company. */
import { createCompany } from "./company.ts";
import { createContext } from "./context.ts";
import type { Finding } from "./finding.ts";
import { opaqueSpans } from "./opaque.ts";
import { createPlaces, placesOf, type Places } from "./places.ts";
import type { Rule } from "./rule.ts";
import type { DataClass } from "../../mesh/contract/data-class.ts";

/** Classes that are recognised by more than digits and separators, so that an id can't look like them by chance. */
const DISTINCT: ReadonlySet<DataClass> = new Set(["EMAIL", "SECRET", "CRYPTO"]);

/** True where one of the spans (in order) holds this part of the text. */
const inside = (spans: readonly { start: number; end: number }[], start: number, end: number): boolean => {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.end ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  const span = spans[low];
  return span !== undefined && span.start <= start && span.end >= end;
};

/** A rule with its pattern made for being tried at single places, or for going through the text where it has no places. */
interface Prepared {
  readonly rule: Rule;
  readonly pattern: RegExp;
}

const prepare = (rule: Rule): Prepared => {
  const flags = rule.pattern.flags.replace("g", "");
  return { rule, pattern: new RegExp(rule.pattern.source, flags + (rule.starts === undefined ? "g" : "y")) };
};

/** The matches of a rule; `resume` says where the search goes on, and is asked after each. */
function* matchesOf({ rule, pattern }: Prepared, text: string, places: Places, resume: () => number): Generator<RegExpExecArray> {
  if (rule.starts === undefined) {
    for (let match = at(pattern, text, 0); match !== null; match = at(pattern, text, resume())) yield match;
    return;
  }
  for (const place of placesOf(rule.starts, places)) {
    const match = place < resume() ? null : at(pattern, text, place);
    if (match !== null) yield match;
  }
}

function at(pattern: RegExp, text: string, place: number): RegExpExecArray | null {
  pattern.lastIndex = place;
  return pattern.exec(text);
}

/** All hits of one rule. A rejected match is tried again at the next place, so that no start is skipped. */
function applyRule(prepared: Prepared, text: string, places: Places, fits: (rule: Rule, place: number) => boolean): Finding[] {
  const { rule } = prepared;
  const findings: Finding[] = [];
  let resume = 0;
  for (const match of matchesOf(prepared, text, places, () => resume)) {
    const part = rule.accept(match);
    const start = match.index + (part?.[0] ?? 0);
    const accepted = part !== undefined && fits(rule, start);
    // Within one run of figures the words before it stay the same, so a run without its context is passed over as a whole.
    const passOver = part !== undefined && !accepted && !/\p{L}/u.test(match[0]);
    resume = match.index + (passOver ? match[0].length || 1 : 1);
    if (!accepted) continue;
    const end = match.index + part[1];
    findings.push({ start, end, label: rule.label, score: rule.score, detector: rule.detector, value: text.slice(start, end) });
    resume = Math.max(end, match.index + 1);
  }
  return findings;
}

/** Makes the context of a text, each place's read once. */
function rememberedContext(text: string): (place: number) => string {
  const contextAt = createContext(text);
  const held = new Map<number, string>();
  return (place) => {
    const context = held.get(place) ?? contextAt(place);
    held.set(place, context);
    return context;
  };
}

/**
 * Makes the search of one reading of a text by these rules. Findings may overlap and are in no order.
 * Linear in the text.
 */
export function createRuleScan(rules: readonly Rule[]): (text: string) => Finding[] {
  const findPlaces = createPlaces(rules.flatMap(({ starts }) => (starts === undefined ? [] : [starts])));
  const unconditional = rules.filter(({ context }) => context === undefined).map(prepare);
  const contextual = rules.filter(({ context }) => context !== undefined).map(prepare);

  return (text) => {
    const places = findPlaces(text);
    let opaque: ReturnType<typeof opaqueSpans> | undefined;
    const isOpaque = (finding: Finding): boolean =>
      !DISTINCT.has(finding.label) && inside((opaque ??= opaqueSpans(text)), finding.start, finding.end);
    const find = (some: readonly Prepared[], fits: Parameters<typeof applyRule>[3]): Finding[] =>
      some.flatMap((prepared) => applyRule(prepared, text, places, fits)).filter((finding) => !isOpaque(finding));

    const certain = find(unconditional, () => true);
    const contextAt = rememberedContext(text);
    const company = createCompany(text, certain);
    return [
      ...certain,
      ...find(
        contextual,
        (rule, place) => rule.context?.test(contextAt(place)) === true || (rule.besideOthers === true && company.isNear(place)),
      ),
    ];
  };
}
