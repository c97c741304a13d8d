/** Runs the guard over a data set, row by row, and sums up how well and how fast. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Detection } from "../detect/detection.ts";
import type { Finding } from "../detect/finding.ts";
import type { LabelMap } from "./label-map.ts";
import type { LabelledSpan } from "./labelled-span.ts";
import { inUnit, looksLikeCodePoints, type MarkedText, type OffsetUnit, readRow } from "./read-row.ts";
import { createScorer, type Scores } from "./score.ts";

/** What an evaluation needs. */
export interface EvaluateDeps {
  readonly detection: Pick<Detection, "detect">;
  /** A clock that only goes forward, in milliseconds. */
  now(): number;
  /** Told after every row, with what would be masked; offsets in the unit that the data set uses, labels as the guard gives them. */
  onRow?(row: { text: string; spans: readonly LabelledSpan[] }, line: number): void | Promise<void>;
}

/** How to read the data and what to count. */
export interface EvaluateConfig {
  readonly map: LabelMap;
  readonly offsets: OffsetUnit;
  /** The only labels that are scored. Default: all. */
  readonly labels?: ReadonlySet<string>;
  /** Says whether what was found counts; the others pass as if they had not been found. Default: all count. */
  readonly counts?: (finding: Finding) => boolean;
}

/** A line that could not be read, and why; nothing of its text. */
export interface BadRow {
  readonly line: number;
  readonly problem: string;
}

/** The outcome. */
export interface Evaluation {
  readonly rows: number;
  readonly badRows: readonly BadRow[];
  readonly scores: Scores;
  /** Time for one row in milliseconds, with nothing else to do; null without rows. */
  readonly latencyMs: { readonly p50: number; readonly p95: number } | null;
  /** Rows whose offsets fit words better if they count code points. */
  readonly rowsLikeCodePoints: number;
}

/** Reads a line. The problem of one that is not as it should be, as text. */
function tryRead(line: string, unit: OffsetUnit): MarkedText | string {
  try {
    return readRow(line, unit);
  } catch (error) {
    if (error instanceof GaggleError) return error.message;
    throw error;
  }
}

const mapped = (spans: readonly LabelledSpan[], map: (label: string) => string | undefined): LabelledSpan[] =>
  spans.flatMap(({ start, end, label }) => {
    const ours = map(label);
    return ours === undefined ? [] : [{ start, end, label: ours }];
  });

/** The value below which a share of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * Evaluates; empty lines are passed over.
 * @throws what the detection throws: a text that could not be looked through completely has no figures
 */
export async function evaluate(lines: AsyncIterable<string>, deps: EvaluateDeps, config: EvaluateConfig): Promise<Evaluation> {
  const scorer = createScorer(config.labels);
  const badRows: BadRow[] = [];
  const durations: number[] = [];
  let rowsLikeCodePoints = 0;
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === "") continue;
    const row = tryRead(line, config.offsets);
    if (typeof row === "string") {
      badRows.push({ line: number, problem: row });
      continue;
    }
    if (config.offsets === "utf16" && looksLikeCodePoints(row)) rowsLikeCodePoints += 1;
    const startedAt = deps.now();
    const [findings = []] = await deps.detection.detect([row.text]);
    durations.push(deps.now() - startedAt);
    const kept = findings.filter((finding) => config.counts?.(finding) !== false);
    scorer.add({
      length: row.text.length,
      gold: mapped(row.spans, config.map.marked),
      predicted: mapped(kept, config.map.found),
    });
    const spans = kept.map(({ start, end, label }) => ({ start, end, label }));
    await deps.onRow?.({ text: row.text, spans: inUnit(config.offsets, row.text, spans) }, number);
  }
  const latencyMs = durations.length === 0 ? null : { p50: percentile(durations, 0.5), p95: percentile(durations, 0.95) };
  return { rows: durations.length, badRows, scores: scorer.result(), latencyMs, rowsLikeCodePoints };
}
