/** The organisation's own lists of one bundle, made ready: what is never masked, what always is, its own forms of numbers and its columns. */
import type { DataClass } from "../../../mesh/contract/data-class.ts";
import type { GuardLists } from "../../../mesh/contract/guard-policy.ts";
import { compilePattern } from "../../../mesh/contract/safe-pattern.ts";
import type { Finding } from "../finding.ts";
import { EVERYDAY_NAMES } from "../common-words.ts";
import { nameParts, otherOrders } from "../known-values.ts";
import { createPhraseFinder, foldCase } from "../phrase-finder.ts";
import { createColumnValues } from "./column-values.ts";

/** Lists ready for use. */
export interface OrgLists {
  /** What deny list, patterns and columns find in one reading of a text. */
  find(text: string): Finding[];
  /** Drops what the allow list names, except what the deny list or a checksum found. */
  allowed(findings: readonly Finding[], text: string): Finding[];
}

/** No list of ours lets these pass: a checksum or the form of a secret proves them. */
const PROVEN: ReadonlySet<DataClass> = new Set(["CARD", "IBAN", "NATIONAL_ID", "SECRET", "CRYPTO"]);
const DENIED = "list:deny";

/** A listed person's first or last name alone, where it is no everyday word. */
const namesByItself = (part: string): boolean => part.length > 2 && !EVERYDAY_NAMES.has(foldCase(part));
const isCapitalised = (surface: string): boolean => /^\p{Lu}/u.test(surface);

const insideSome = (spans: readonly { start: number; end: number }[], { start, end }: Finding): boolean => {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.start ?? 0) <= start) low = middle + 1;
    else high = middle;
  }
  return (spans[low - 1]?.end ?? -1) >= end;
};

/**
 * Makes lists ready.
 * @throws GaggleError INVALID_INPUT for a pattern that could be slow or is none; `gaggle org sign` refuses it too
 */
export function createOrgLists(lists: GuardLists): OrgLists {
  const allow = createPhraseFinder<true>();
  for (const phrase of lists.allow) allow.add(phrase, true);
  const deny = createPhraseFinder<DataClass>();
  const parts = createPhraseFinder<"PERSON">();
  for (const { class: label, values } of lists.deny) {
    for (const value of values) {
      deny.add(value, label);
      if (label !== "PERSON" || !value.includes(" ")) continue;
      for (const order of otherOrders(value)) deny.add(order, label);
      for (const part of nameParts(value)) if (namesByItself(part)) parts.add(part, label);
    }
  }
  const patterns = lists.patterns.map(({ class: label, pattern }) => ({ label, pattern: compilePattern(pattern) }));
  const columns = createColumnValues(lists.columns);

  const found = (text: string, label: DataClass, [start, end]: readonly [number, number], detector: string, score: number): Finding => ({
    start,
    end,
    label,
    score,
    detector,
    value: text.slice(start, end),
  });
  return {
    find: (text) => [
      ...deny.find(text).map(({ start, end, phrase }) => found(text, phrase, [start, end], DENIED, 1)),
      ...parts.find(text, isCapitalised).map(({ start, end, phrase }) => found(text, phrase, [start, end], "list:deny-part", 0.25)),
      ...patterns.flatMap(({ label, pattern }) =>
        Array.from(text.matchAll(pattern), ({ index, 0: { length } }) => found(text, label, [index, index + length], "list:pattern", 0.97)),
      ),
      ...columns(text).map(({ start, end, label }) => found(text, label, [start, end], "list:column", 0.96)),
    ],
    allowed: (findings, text) => {
      const spans = allow.find(text);
      if (spans.length === 0) return [...findings];
      return findings.filter((finding) => PROVEN.has(finding.label) || finding.detector === DENIED || !insideSome(spans, finding));
    },
  };
}
