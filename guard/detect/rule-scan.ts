/** Applies the rules to one reading of a text: first those that are certain by themselves, then those that need context or company. */
import { createCompany } from "./company.ts";
import { createContext } from "./context.ts";
import type { Finding } from "./finding.ts";
import { opaqueSpans } from "./opaque.ts";
import { createPlaces, placesOf } from "./places.ts";
import { LEAD_REACH, type Rule } from "./rule.ts";
import type { DataClass } from "../../mesh/contract/data-class.ts";

/** Classes whose values are whole words that an id can't look like by chance; a stamp of time is a date itself. */
const DISTINCT: ReadonlySet<DataClass> = new Set(["EMAIL", "SECRET", "CRYPTO", "DATE", "BIRTH_DATE"]);

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
  /** Rules with the same starts have the same places. */
  readonly starts: string;
}

const prepare = (rule: Rule): Prepared => {
  const flags = rule.pattern.flags.replace("g", "");
  const pattern = new RegExp(rule.pattern.source, flags + (rule.starts === undefined ? "g" : "y"));
  return { rule, pattern, starts: JSON.stringify(rule.starts) };
};

/** Where a rule was found, and where its search goes on. */
interface Hit {
  readonly finding?: Finding;
  readonly resume: number;
}

type Fits = (rule: Rule, start: number, end: number) => boolean;

/** What a match comes to. */
function hitOf(rule: Rule, match: RegExpExecArray, text: string, fits: Fits): Hit {
  const part = rule.accept(match);
  if (part === undefined) return { resume: match.index + 1 };
  const start = match.index + part[0];
  const end = match.index + part[1];
  if (fits(rule, start, end)) {
    const { label, score, detector } = rule;
    return { finding: { start, end, label, score, detector, value: text.slice(start, end) }, resume: Math.max(end, match.index + 1) };
  }
  // Within one run of figures the words before it stay the same, so a run without its context is passed over as a whole.
  return { resume: match.index + (/\p{L}/u.test(match[0]) ? 1 : match[0].length || 1) };
}

/** All hits of one rule. A rejected match is tried again at the next place, so that no start is skipped. */
function applyRule({ rule, pattern }: Prepared, text: string, places: readonly number[] | undefined, fits: Fits): Finding[] {
  const findings: Finding[] = [];
  let resume = 0;
  const tryAt = (place: number): boolean => {
    pattern.lastIndex = place;
    const match = pattern.exec(text);
    if (match === null) return false;
    const hit = hitOf(rule, match, text, fits);
    resume = hit.resume;
    if (hit.finding !== undefined) findings.push(hit.finding);
    return true;
  };
  if (places === undefined) while (tryAt(resume));
  else for (const place of places) if (place >= resume) tryAt(place);
  return findings;
}

const isLedTo = (text: string, lead: RegExp, place: number): boolean =>
  lead.test(text.slice(Math.max(0, place - LEAD_REACH), place).toLowerCase());

/** Makes the value when it is first asked for. */
const once = <T extends object>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
};

/** Makes the question whether a context of a place has one of the words. Tables and lists ask the same again and again. */
function contextQuestion(text: string): (words: RegExp, place: number) => boolean {
  const contextAt = createContext(text);
  const contexts = new Map<number, readonly string[]>();
  const answers = new Map<string, Map<RegExp, boolean>>();
  const answer = (words: RegExp, context: string): boolean => {
    const known = answers.get(context) ?? new Map<RegExp, boolean>();
    answers.set(context, known);
    const said = known.get(words) ?? words.test(context);
    known.set(words, said);
    return said;
  };
  return (words, place) => {
    const held = contexts.get(place) ?? contextAt(place);
    contexts.set(place, held);
    return held.some((context) => context !== "" && answer(words, context));
  };
}

/**
 * Makes the search of one reading of a text by these rules. Findings may overlap and are in no order.
 * Linear in the text.
 */
export function createRuleScan(rules: readonly Rule[]): (text: string) => Finding[] {
  const findPlaces = createPlaces(rules.flatMap(({ starts }) => (starts === undefined ? [] : [starts])));
  const isCertain = ({ context, lead }: Rule): boolean => context === undefined && lead === undefined;
  const unconditional = rules.filter(isCertain).map(prepare);
  const contextual = rules.filter((rule) => !isCertain(rule)).map(prepare);

  return (text) => {
    const places = findPlaces(text);
    const opaque = once(() => opaqueSpans(text));
    const isOpaque = (finding: Finding): boolean => !DISTINCT.has(finding.label) && inside(opaque(), finding.start, finding.end);
    const held = new Map<string, readonly number[]>();
    const placesFor = ({ rule, starts }: Prepared): readonly number[] | undefined => {
      if (rule.starts === undefined) return undefined;
      const known = held.get(starts) ?? placesOf(rule.starts, places);
      held.set(starts, known);
      return known;
    };
    const find = (some: readonly Prepared[], fits: Fits): Finding[] =>
      some.flatMap((prepared) => applyRule(prepared, text, placesFor(prepared), fits)).filter((finding) => !isOpaque(finding));

    const certain = find(unconditional, () => true);
    const isNamed = contextQuestion(text);
    const company = createCompany(text, certain);
    return [
      ...certain,
      ...find(
        contextual,
        (rule, start, end) =>
          (rule.context !== undefined && isNamed(rule.context, start)) ||
          (rule.lead !== undefined && isLedTo(text, rule.lead, start)) ||
          (rule.besideOthers === true && company.isNear(start, end)),
      ),
    ];
  };
}
