/** Finds personal data and secrets in a text by rules. Linear in the text; offsets are UTF-16 units of the text as given. */
import type { Finding } from "./finding.ts";
import { createFindingCache } from "./finding-cache.ts";
import { createKnownValues, type KnownValues } from "./known-values.ts";
import type { DataClass } from "../../mesh/contract/data-class.ts";
import { mergeFindings } from "./overlap.ts";
import { inBothReadings } from "./readings.ts";
import { createRuleScan } from "./rule-scan.ts";
import { RULES } from "./rules/rules.ts";

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

/**
 * Makes the search by rules in one reading of a text; in order, not overlapping, repetitions included.
 * @param ignore classes that are not looked for
 */
export function createRuleSearch(ignore: readonly DataClass[] = []): (text: string) => Finding[] {
  const scanRules = createRuleScan(RULES.filter((rule) => !ignore.includes(rule.label)));
  return (text) => {
    const found = scanRules(text);
    return mergeFindings([...found, ...repetitions(text, found)], text);
  };
}

/**
 * Makes a detector. Of texts that it has seen it keeps digests and findings, in memory.
 * @param config what to leave out
 */
export function createDetector(config: DetectorConfig = {}): Detector {
  const scan = createRuleSearch(config.ignore);
  const cached = createFindingCache((text) => inBothReadings(text, scan), config.cacheEntries ?? 2_000);

  return {
    detect: (text, known) => {
      const findings = cached(text);
      if (known === undefined || known.size === 0) return findings;
      return mergeFindings([...findings, ...inBothReadings(text, (reading) => knownIn(reading, known))], text);
    },
  };
}

/** The places of known values, in one reading of a text. */
export const knownIn = (text: string, known: KnownValues): Finding[] =>
  known.find(text).map(({ start, end, label, part }) => ({
    start,
    end,
    label,
    score: 0.2,
    detector: part === true ? "co-reference" : "known-value",
    value: text.slice(start, end),
  }));

/** Every other place where a value of these findings stands. */
export function repetitions(text: string, findings: readonly Finding[]): Finding[] {
  const known = createKnownValues();
  for (const finding of findings) known.add(finding.value, finding.label);
  return knownIn(text, known);
}
