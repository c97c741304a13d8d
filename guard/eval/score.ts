/**
 * Scores what was found against what a person marked. Pure: spans in, figures out. Strict and overlap matching as in the evaluation of named
 * entities (exact span and label; any common character), F-beta by van Rijsbergen.
 */
import type { LabelledSpan } from "./labelled-span.ts";

/** One text's spans. Only its length is needed of the text itself. */
export interface ScoredRow {
  /** UTF-16 units. */
  readonly length: number;
  readonly gold: readonly LabelledSpan[];
  readonly predicted: readonly LabelledSpan[];
}

/** Figures of one way to match; null where nothing was there to be divided by. */
export interface Quality {
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly f2: number | null;
}

/** Figures of one label, or of all together. */
export interface LabelScore {
  /** Spans that a person marked, and spans that were found. */
  readonly gold: number;
  readonly predicted: number;
  /** The same span with the same label. */
  readonly strict: Quality;
  /** A span of the same label with a character in common. */
  readonly overlap: Quality;
  /** A span of any label with a character in common: whether it would have been masked at all. */
  readonly overlapAnyLabel: Quality;
  readonly goldCharacters: number;
  /** Characters of marked spans that nothing covers. */
  readonly leakedCharacters: number;
  readonly leakRate: number | null;
}

/** Figures of a whole data set. */
export interface Scores {
  readonly overall: LabelScore;
  readonly labels: Readonly<Record<string, LabelScore>>;
  readonly characters: number;
  /** Characters outside every marked span, and how many of them were covered. */
  readonly plainCharacters: number;
  readonly overMaskedCharacters: number;
  readonly overMaskRate: number | null;
}

/** Adds up rows. */
export interface Scorer {
  add(row: ScoredRow): void;
  result(): Scores;
}

/** What is counted for one label. `…Gold` counts marked spans that were met, `…Found` found spans that meet a marked one. */
interface Counts {
  gold: number;
  predicted: number;
  strict: number;
  sameGold: number;
  sameFound: number;
  anyGold: number;
  anyFound: number;
  goldCharacters: number;
  leakedCharacters: number;
}

const noCounts = (): Counts => ({
  gold: 0,
  predicted: 0,
  strict: 0,
  sameGold: 0,
  sameFound: 0,
  anyGold: 0,
  anyFound: 0,
  goldCharacters: 0,
  leakedCharacters: 0,
});

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** F-beta of precision and recall; what could not be measured counts as none found. */
function fBeta(precision: number | null, recall: number | null, beta: number): number | null {
  if (precision === null && recall === null) return null;
  const [p, r] = [precision ?? 0, recall ?? 0];
  return p + r === 0 ? 0 : ((1 + beta ** 2) * p * r) / (beta ** 2 * p + r);
}

/** @param met marked spans that were met. @param right found spans that meet one */
function quality(met: number, right: number, { gold, predicted }: Counts): Quality {
  const precision = share(right, predicted);
  const recall = share(met, gold);
  return { precision, recall, f1: fBeta(precision, recall, 1), f2: fBeta(precision, recall, 2) };
}

const labelScore = (counts: Counts): LabelScore => ({
  gold: counts.gold,
  predicted: counts.predicted,
  strict: quality(counts.strict, counts.strict, counts),
  overlap: quality(counts.sameGold, counts.sameFound, counts),
  overlapAnyLabel: quality(counts.anyGold, counts.anyFound, counts),
  goldCharacters: counts.goldCharacters,
  leakedCharacters: counts.leakedCharacters,
  leakRate: share(counts.leakedCharacters, counts.goldCharacters),
});

/** 1 for every character that one of the spans covers. */
function coverage(length: number, spans: readonly LabelledSpan[]): Uint8Array {
  const covered = new Uint8Array(length);
  for (const { start, end } of spans) covered.fill(1, start, end);
  return covered;
}

const touch = (a: LabelledSpan, b: LabelledSpan): boolean => a.start < b.end && b.start < a.end;
const equal = (a: LabelledSpan, b: LabelledSpan): boolean => a.start === b.start && a.end === b.end && a.label === b.label;
const keyOf = ({ start, end, label }: LabelledSpan): string => `${start} ${end} ${label}`;
const distinct = (spans: readonly LabelledSpan[]): LabelledSpan[] => [...new Map(spans.map((span) => [keyOf(span), span])).values()];

/**
 * Makes a scorer.
 * @param labels the only labels that are scored; left out, all. A marked span counts as covered by a found span of any label all the same
 */
export function createScorer(labels?: ReadonlySet<string>): Scorer {
  const counted = ({ label }: LabelledSpan): boolean => labels?.has(label) !== false;
  const overall = noCounts();
  const byLabel = new Map<string, Counts>();
  const characters = { all: 0, plain: 0, overMasked: 0 };

  const countsOf = (label: string): Counts[] => {
    const counts = byLabel.get(label) ?? noCounts();
    byLabel.set(label, counts);
    return [overall, counts];
  };

  const addGold = (span: LabelledSpan, predicted: readonly LabelledSpan[], masked: Uint8Array): void => {
    const near = predicted.filter((found) => touch(found, span));
    const leaked = masked.subarray(span.start, span.end).reduce((sum, covered) => sum + 1 - covered, 0);
    for (const counts of countsOf(span.label)) {
      counts.gold += 1;
      counts.strict += near.some((found) => equal(found, span)) ? 1 : 0;
      counts.sameGold += near.some(({ label }) => label === span.label) ? 1 : 0;
      counts.anyGold += near.length > 0 ? 1 : 0;
      counts.goldCharacters += span.end - span.start;
      counts.leakedCharacters += leaked;
    }
  };
  const addPredicted = (span: LabelledSpan, gold: readonly LabelledSpan[]): void => {
    const near = gold.filter((marked) => touch(marked, span));
    for (const counts of countsOf(span.label)) {
      counts.predicted += 1;
      counts.sameFound += near.some(({ label }) => label === span.label) ? 1 : 0;
      counts.anyFound += near.length > 0 ? 1 : 0;
    }
  };
  const addCharacters = (length: number, marked: Uint8Array, masked: Uint8Array): void => {
    characters.all += length;
    for (let at = 0; at < length; at += 1) {
      if (marked[at] === 1) continue;
      characters.plain += 1;
      characters.overMasked += masked[at] ?? 0;
    }
  };

  return {
    add: ({ length, gold: givenGold, predicted: givenPredicted }) => {
      const [gold, predicted] = [distinct(givenGold), distinct(givenPredicted)];
      const masked = coverage(length, predicted);
      for (const span of gold.filter(counted)) addGold(span, predicted, masked);
      for (const span of predicted.filter(counted)) addPredicted(span, gold);
      addCharacters(length, coverage(length, gold), coverage(length, predicted.filter(counted)));
    },
    result: () => ({
      overall: labelScore(overall),
      labels: Object.fromEntries(
        [...byLabel].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, counts]) => [label, labelScore(counts)]),
      ),
      characters: characters.all,
      plainCharacters: characters.plain,
      overMaskedCharacters: characters.overMasked,
      overMaskRate: share(characters.overMasked, characters.plain),
    }),
  };
}
