/** Finds personal data and secrets in a text by rules. Linear in the text; offsets are UTF-16 units of the text as given. */
import { createCompany } from "./company.ts";
import { createContext } from "./context.ts";
import type { Finding } from "./finding.ts";
import { type FoldedView, foldedView } from "./folded-view.ts";
import { createKnownValues, type KnownValues } from "./known-values.ts";
import type { Label } from "./labels.ts";
import { opaqueSpans } from "./opaque.ts";
import { mergeFindings, notOverlapping } from "./overlap.ts";
import type { Rule } from "./rule.ts";
import { BIRTH_DATE_RULES } from "./rules/birth-date.ts";
import { EMAIL_RULES } from "./rules/email.ts";
import { IBAN_RULES } from "./rules/iban.ts";
import { IP_RULES } from "./rules/ip-address.ts";
import { JSON_NUMBER_RULES } from "./rules/json-number.ts";
import { NATIONAL_ID_RULES } from "./rules/national-id.ts";
import { CARD_RULES } from "./rules/payment-card.ts";
import { PHONE_RULES } from "./rules/phone.ts";
import { PRIVATE_KEY_RULES } from "./rules/private-key.ts";
import { SECRET_RULES } from "./rules/secret.ts";

/** What a detector looks for. */
export interface DetectorConfig {
  /** Classes that are not looked for. Default: none. */
  readonly ignore?: readonly Label[];
}

/** Finds personal data and secrets. */
export interface Detector {
  /**
   * The spans of a text: in order, not overlapping, every repetition of a found value included.
   * @param known values that are looked for besides, wherever they stand as whole words
   */
  detect(text: string, known?: KnownValues): Finding[];
}

const RULES: readonly Rule[] = [
  ...PRIVATE_KEY_RULES,
  ...SECRET_RULES,
  ...EMAIL_RULES,
  ...IBAN_RULES,
  ...CARD_RULES,
  ...NATIONAL_ID_RULES,
  ...PHONE_RULES,
  ...IP_RULES,
  ...BIRTH_DATE_RULES,
  ...JSON_NUMBER_RULES,
];

/** Classes that are recognised by more than digits and separators, so that an id can't look like them by chance. */
const DISTINCT: ReadonlySet<Label> = new Set(["EMAIL", "SECRET"]);

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

/** All hits of one rule. A rejected match is tried again one character later, so that no start is skipped. */
function applyRule(rule: Rule, pattern: RegExp, text: string, fits: (rule: Rule, place: number) => boolean): Finding[] {
  const findings: Finding[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const part = rule.accept(match);
    const start = match.index + (part?.[0] ?? 0);
    const accepted = part !== undefined && fits(rule, start);
    // Within one run of figures the words before it stay the same, so a run without its context is passed over as a whole.
    const passOver = part !== undefined && !accepted && !/\p{L}/u.test(match[0]);
    pattern.lastIndex = match.index + (passOver ? match[0].length || 1 : 1);
    if (!accepted) continue;
    const end = match.index + part[1];
    findings.push({ start, end, label: rule.label, score: rule.score, detector: rule.detector, value: text.slice(start, end) });
    pattern.lastIndex = Math.max(end, match.index + 1);
  }
  return findings;
}

/** A finding of the folded view at its place in the source. */
const inSource = (finding: Finding, view: FoldedView): Finding => ({
  ...finding,
  start: view.starts[finding.start] ?? 0,
  end: view.ends[finding.end - 1] ?? 0,
});

/** Widens a span so that it never begins or ends inside an escape sequence: what replaces it must leave valid JSON. */
function snap(finding: Finding, view: FoldedView): Finding {
  let { start, end } = finding;
  const first = firstEndingAfter(view.ends, start);
  if ((view.starts[first] ?? start) < start) start = view.starts[first] ?? start;
  const last = firstEndingAfter(view.ends, end - 1);
  if ((view.starts[last] ?? end) < end && (view.ends[last] ?? end) > end) end = view.ends[last] ?? end;
  return { ...finding, start, end };
}

function firstEndingAfter(ends: readonly number[], place: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Makes a detector. It keeps no text between calls.
 * @param config what to leave out
 */
export function createDetector(config: DetectorConfig = {}): Detector {
  const rules = RULES.filter((rule) => config.ignore?.includes(rule.label) !== true).map((rule) => ({
    rule,
    pattern: new RegExp(rule.pattern),
  }));

  const unconditional = rules.filter(({ rule }) => rule.context === undefined);
  const contextual = rules.filter(({ rule }) => rule.context !== undefined);

  const scan = (text: string, known: KnownValues | undefined): Finding[] => {
    const contextAt = createContext(text);
    const opaque = opaqueSpans(text);
    const find = (some: typeof rules, fits: Parameters<typeof applyRule>[3]): Finding[] =>
      some
        .flatMap(({ rule, pattern }) => applyRule(rule, pattern, text, fits))
        .filter((finding) => DISTINCT.has(finding.label) || !inside(opaque, finding.start, finding.end));
    const certain = find(unconditional, () => true);
    const company = createCompany(text, certain);
    const conditional = find(
      contextual,
      (rule, place) => rule.context?.test(contextAt(place)) === true || (rule.besideOthers === true && company.isNear(place)),
    );
    const kept = [...certain, ...conditional];
    return mergeFindings([...kept, ...repetitions(text, kept), ...knownIn(text, known)], text);
  };

  return {
    detect: (text, known) => {
      const view = foldedView(text);
      if (view === undefined) return scan(text, known);
      const folded = scan(view.text, known).map((finding) => inSource(finding, view));
      // What only the text as written shows, such as a password with a backslash. Elsewhere the decoded reading is the better one.
      const raw = notOverlapping(scan(text, known), folded).map((finding) => snap(finding, view));
      return mergeFindings([...folded, ...raw], text);
    },
  };
}

/** The places of known values. */
const knownIn = (text: string, known: KnownValues | undefined): Finding[] =>
  (known?.find(text) ?? []).map((span) => ({ ...span, score: 0.5, detector: "known-value", value: text.slice(span.start, span.end) }));

/** Every other place where a value of these findings stands. */
function repetitions(text: string, findings: readonly Finding[]): Finding[] {
  const known = createKnownValues();
  for (const finding of findings) known.add(finding.value, finding.label);
  return knownIn(text, known);
}
