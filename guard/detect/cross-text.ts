/** Looks up the values of each text of a call in all its other texts. Only texts that have a value's first word are looked at. */
import type { DataClass } from "../../mesh/contract/data-class.ts";
import type { Finding } from "./finding.ts";
import { nameParts } from "./known-values.ts";
import { mergeFindings } from "./overlap.ts";
import { anchorOf } from "./phrase-finder.ts";
import { spreads } from "./spreading.ts";
import { wordHash } from "./word-hashes.ts";
import type { KnownValue, ScanJob, ScanResult } from "./worker/protocol.ts";

type Values = ReadonlyMap<string, DataClass>;

const valuesOf = (findings: readonly Finding[]): Values => new Map(findings.filter(spreads).map(({ value, label }) => [value, label]));

/** Hashes of the words that a value, or a part of a person's name, begins with. */
const anchorsOf = (value: string, label: DataClass): number[] =>
  [value, ...(label === "PERSON" ? nameParts(value) : [])].flatMap((phrase) => {
    const anchor = anchorOf(phrase);
    return anchor === undefined ? [] : [wordHash(anchor)];
  });

/** A result's values with the words that they begin with. Goes with its result, since a chat's history comes again at every turn. */
const anchored = new WeakMap<ScanResult, (readonly [anchor: number, known: KnownValue])[]>();

function anchoredValues(result: ScanResult): (readonly [anchor: number, known: KnownValue])[] {
  const before = anchored.get(result);
  if (before !== undefined) return before;
  const values = Array.from(valuesOf(result.findings), (known): KnownValue => known);
  const found = values.flatMap((known) => anchorsOf(...known).map((anchor) => [anchor, known] as const));
  anchored.set(result, found);
  return found;
}

/** All values of a call by the words that they begin with. */
function indexOf(results: Iterable<ScanResult>): Map<number, KnownValue[]> {
  const index = new Map<number, KnownValue[]>();
  for (const result of results) {
    for (const [anchor, known] of anchoredValues(result)) {
      const others = index.get(anchor);
      if (others === undefined) index.set(anchor, [known]);
      else if (!others.some(([value]) => value === known[0])) others.push(known);
    }
  }
  return index;
}

/** The values from elsewhere of which a text has a first word. */
function candidates({ findings, words }: ScanResult, index: ReadonlyMap<number, KnownValue[]>): KnownValue[] {
  const own = valuesOf(findings);
  const found = new Map<string, KnownValue>();
  for (const word of words) for (const known of index.get(word) ?? []) if (!own.has(known[0])) found.set(known[0], known);
  return [...found.values()].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** What was looked up in a result before, by the values looked up. Goes with its result. */
const looked = new WeakMap<ScanResult, { key: string; findings: readonly Finding[] }>();

/**
 * The findings of each text, with those that other texts' values give.
 * @param results by text
 * @param lookUp finds the values of each job in its text
 */
export async function spreadValues(
  results: ReadonlyMap<string, ScanResult>,
  lookUp: (jobs: readonly ScanJob[]) => Promise<readonly ScanResult[]>,
): Promise<Map<string, readonly Finding[]>> {
  const spread = new Map<string, readonly Finding[]>();
  const open: { text: string; result: ScanResult; key: string; known: KnownValue[] }[] = [];
  const index = results.size < 2 ? new Map<number, KnownValue[]>() : indexOf(results.values());
  for (const [text, result] of results) {
    const known = candidates(result, index);
    const key = known.length === 0 ? "" : JSON.stringify(known);
    const before = looked.get(result);
    if (known.length === 0) spread.set(text, result.findings);
    else if (before?.key === key) spread.set(text, before.findings);
    else open.push({ text, result, key, known });
  }
  const found = await lookUp(open.map(({ text, known }) => ({ text, known })));
  for (const [i, { text, result, key }] of open.entries()) {
    const findings = mergeFindings([...result.findings, ...(found[i]?.findings ?? [])], text);
    looked.set(result, { key, findings });
    spread.set(text, findings);
  }
  return spread;
}
