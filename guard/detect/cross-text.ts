/** Looks up the values of each text of a call in all its other texts. Only texts that have all words of a value are looked at. */
import type { DataClass } from "../../mesh/contract/data-class.ts";
import type { Finding } from "./finding.ts";
import { nameParts } from "./known-values.ts";
import { mergeFindings } from "./overlap.ts";
import { wordsOf } from "./phrase-finder.ts";
import { spreads } from "./spreading.ts";
import { hasWord, wordHash } from "./word-hashes.ts";
import type { KnownValue, ScanJob, ScanResult } from "./worker/protocol.ts";

type Values = ReadonlyMap<string, DataClass>;

const valuesOf = (findings: readonly Finding[]): Values => new Map(findings.filter(spreads).map(({ value, label }) => [value, label]));

/** A value, or a part of a person's name, by the hashes of its words; each must stand in a text that it stands in. */
interface Phrase {
  readonly words: readonly number[];
  readonly known: KnownValue;
}

const phrasesOf = (known: KnownValue): Phrase[] => {
  const [value, label] = known;
  return [value, ...(label === "PERSON" ? nameParts(value) : [])]
    .map((phrase) => ({ words: wordsOf(phrase).map(wordHash), known }))
    .filter(({ words }) => words.length > 0);
};

/** A result's values as phrases. Goes with its result, since a chat's history comes again at every turn. */
const phrased = new WeakMap<ScanResult, readonly Phrase[]>();

function phrasesIn(result: ScanResult): readonly Phrase[] {
  const before = phrased.get(result);
  if (before !== undefined) return before;
  const found = Array.from(valuesOf(result.findings)).flatMap(phrasesOf);
  phrased.set(result, found);
  return found;
}

/**
 * All phrases of a call, each by that word of it which the fewest have: thousands of values may begin alike, and each text would be compared with all of
 * them.
 */
function indexOf(results: Iterable<ScanResult>): Map<number, Phrase[]> {
  const phrases = new Map<string, Phrase>();
  for (const result of results) for (const phrase of phrasesIn(result)) phrases.set(`${phrase.words.join()} ${phrase.known[0]}`, phrase);
  const counts = new Map<number, number>();
  for (const { words } of phrases.values()) for (const word of new Set(words)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const index = new Map<number, Phrase[]>();
  for (const phrase of phrases.values()) {
    const rarest = phrase.words.reduce((a, b) => ((counts.get(b) ?? 0) < (counts.get(a) ?? 0) ? b : a));
    const others = index.get(rarest);
    if (others === undefined) index.set(rarest, [phrase]);
    else others.push(phrase);
  }
  return index;
}

/** The values from elsewhere of which a text has all words. */
function candidates({ findings, words }: ScanResult, index: ReadonlyMap<number, Phrase[]>): KnownValue[] {
  if (index.size === 0) return [];
  const own = valuesOf(findings);
  const found = new Map<string, KnownValue>();
  for (const word of words) {
    for (const { words: needed, known } of index.get(word) ?? [])
      if (!own.has(known[0]) && needed.every((each) => hasWord(words, each))) found.set(known[0], known);
  }
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
  const index = results.size < 2 ? new Map<number, Phrase[]>() : indexOf(results.values());
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
