/** Finds personal data and secrets in a text by rules. Linear in the text; offsets are UTF-16 units of the text as given. */
import { createCompany } from "./company.ts";
import { createContext } from "./context.ts";
import type { Finding } from "./finding.ts";
import { createFindingCache } from "./finding-cache.ts";
import { createKnownValues, type KnownValues } from "./known-values.ts";
import type { DataClass } from "../../mesh/contract/data-class.ts";
import { opaqueSpans } from "./opaque.ts";
import { mergeFindings } from "./overlap.ts";
import { inBothReadings } from "./readings.ts";
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
  readonly ignore?: readonly DataClass[];
  /** Texts whose findings are kept, since a chat's history is sent again at every turn. Default 2 000. */
  readonly cacheEntries?: number;
}

/** Finds personal data and secrets. */
export interface Detector {
  /**
   * The spans of a text: in order, not overlapping, every repetition of a found value included.
   * @param known values that are looked for besides, wherever they stand as whole words
   */
  detect(text: string, known?: KnownValues): readonly Finding[];
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
const DISTINCT: ReadonlySet<DataClass> = new Set(["EMAIL", "SECRET"]);

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

/**
 * Makes a detector. Of texts that it has seen it keeps digests and findings, in memory.
 * @param config what to leave out
 */
export function createDetector(config: DetectorConfig = {}): Detector {
  const rules = RULES.filter((rule) => config.ignore?.includes(rule.label) !== true).map((rule) => ({
    rule,
    pattern: new RegExp(rule.pattern),
  }));

  const unconditional = rules.filter(({ rule }) => rule.context === undefined);
  const contextual = rules.filter(({ rule }) => rule.context !== undefined);

  const scan = (text: string): Finding[] => {
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
    return mergeFindings([...kept, ...repetitions(text, kept)], text);
  };
  const cached = createFindingCache((text) => inBothReadings(text, scan), config.cacheEntries ?? 2_000);

  return {
    detect: (text, known) => {
      const findings = cached(text);
      if (known === undefined || known.size === 0) return findings;
      return mergeFindings([...findings, ...inBothReadings(text, (reading) => knownIn(reading, known))], text);
    },
  };
}

/** The places of known values. */
const knownIn = (text: string, known: KnownValues): Finding[] =>
  known.find(text).map((span) => ({ ...span, score: 0.5, detector: "known-value", value: text.slice(span.start, span.end) }));

/** Every other place where a value of these findings stands. */
function repetitions(text: string, findings: readonly Finding[]): Finding[] {
  const known = createKnownValues();
  for (const finding of findings) known.add(finding.value, finding.label);
  return knownIn(text, known);
}
