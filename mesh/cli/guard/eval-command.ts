/** `gaggle guard eval`: how well and how fast the guard finds what people marked in a data set. */
import { open } from "node:fs/promises";
import type { Detection } from "../../../guard/detect/detection.ts";
import { evaluate, type EvaluateConfig, type Evaluation } from "../../../guard/eval/evaluate.ts";
import { createLabelMap } from "../../../guard/eval/label-map.ts";
import { readLines } from "../../../guard/eval/read-lines.ts";
import type { OffsetUnit } from "../../../guard/eval/read-row.ts";
import type { LabelScore, Quality } from "../../../guard/eval/score.ts";
import type { DataClass } from "../../contract/data-class.ts";
import { GaggleError } from "../../contract/errors.ts";
import { asSeen, type Output, paint, table } from "../output.ts";

/** What to evaluate and how. */
export interface EvalConfig {
  readonly data: string;
  /** Where each row goes with the spans that would be masked. */
  readonly predictions?: string | undefined;
  readonly labels?: readonly string[] | undefined;
  /** `A=B` each. */
  readonly map: readonly string[];
  readonly offsets: OffsetUnit;
  /** Says whether a class counts as found. */
  readonly counts: (label: DataClass) => boolean;
}

/** What the evaluation needs. */
export interface EvalDeps {
  readonly detection: Pick<Detection, "detect">;
  now(): number;
  readonly out: Output;
  /** Told now and then how far it is. */
  progress(line: string): void;
}

const PROGRESS_EVERY_MS = 500;
const MAX_BAD_ROWS_SHOWN = 20;

/** Reads `A=B` pairs. @throws GaggleError INVALID_INPUT */
export function parseMapping(pairs: readonly string[]): Record<string, string> {
  const parsed = pairs.map((pair) => /^([^=]+)=([^=]+)$/.exec(pair.trim()));
  if (parsed.includes(null))
    throw new GaggleError("INVALID_INPUT", "--map takes LABEL=LABEL, such as --map NICKNAME=PERSON; LABEL=- leaves a label out.");
  return Object.fromEntries(parsed.map((match) => [match?.[1] ?? "", match?.[2] ?? ""]));
}

/** Opens the file for predictions. */
async function predictionsFile(path: string | undefined): Promise<{ write(row: unknown): Promise<void>; close(): Promise<void> }> {
  if (path === undefined) return { write: async () => undefined, close: async () => undefined };
  const file = await open(path, "w", 0o600);
  return { write: async (row) => void (await file.write(`${JSON.stringify(row)}\n`)), close: () => file.close() };
}

/**
 * Evaluates and shows the figures.
 * @throws GaggleError INVALID_INPUT where a line could not be read, after everything else was shown
 */
export async function evalData({ detection, now, out, progress }: EvalDeps, config: EvalConfig): Promise<void> {
  const labels = config.labels;
  const evaluateConfig: EvaluateConfig = {
    map: createLabelMap(parseMapping(config.map)),
    offsets: config.offsets,
    counts: ({ label }) => config.counts(label),
    ...(labels === undefined ? {} : { labels: new Set(labels) }),
  };
  const predictions = await predictionsFile(config.predictions);
  // The first text pays for what is loaded and compiled then; it belongs to no row's time.
  await detection.detect(["Warm up."]);
  let told = now();
  let rows = 0;
  const onRow = async (row: unknown): Promise<void> => {
    rows += 1;
    await predictions.write(row);
    if (now() - told < PROGRESS_EVERY_MS) return;
    told = now();
    progress(`${rows} rows …`);
  };
  let evaluation: Evaluation;
  try {
    evaluation = await evaluate(readLines(config.data), { detection, now, onRow }, evaluateConfig);
  } finally {
    await predictions.close();
    progress("");
  }
  out.result({ data: config.data, ...evaluation });
  showEvaluation(out, evaluation, config);
  if (evaluation.badRows.length > 0)
    throw new GaggleError(
      "INVALID_INPUT",
      `${evaluation.badRows.length} lines of the data could not be read; the figures are of the others.`,
      {
        details: { rows: evaluation.rows, badRows: evaluation.badRows.length },
      },
    );
  if (evaluation.rows === 0) throw new GaggleError("INVALID_INPUT", "The data has no rows. It takes one JSON object a line.");
}

const figure = (value: number | null): string => (value === null ? "–" : value.toFixed(3).replace(/^0/, ""));
const percent = (value: number | null): string => (value === null ? "–" : `${(100 * value).toFixed(2)} %`);
const qualityCells = ({ precision, recall, f1, f2 }: Quality): string[] => [precision, recall, f1, f2].map(figure);

const scoreRow = (label: string, score: LabelScore): string[] => [
  asSeen(label),
  String(score.gold),
  String(score.predicted),
  ...qualityCells(score.strict),
  ...qualityCells(score.overlap),
  figure(score.overlapAnyLabel.recall),
  percent(score.leakRate),
];

const HEADER = ["label", "marked", "found", "P", "R", "F1", "F2", "P~", "R~", "F1~", "F2~", "R any", "leaked"];

function showEvaluation(
  out: Output,
  { rows, badRows, scores, latencyMs, rowsLikeCodePoints }: Evaluation,
  { predictions }: EvalConfig,
): void {
  const any = scores.overall.overlapAnyLabel;
  for (const line of table(HEADER, [
    ...Object.entries(scores.labels).map(([label, score]) => scoreRow(label, score)),
    scoreRow("all", scores.overall),
  ]))
    out.line(line);
  out.line(paint.dim("P, R, F1, F2: same span and label; with ~: any common character, same label; R any: met by a span of any label."));
  out.line(`\nby overlap, without label: P ${figure(any.precision)}  R ${figure(any.recall)}  F1 ${figure(any.f1)}  F2 ${figure(any.f2)}`);
  out.line(
    `leak rate ${percent(scores.overall.leakRate)} (${scores.overall.leakedCharacters} of ${scores.overall.goldCharacters} marked characters left visible)`,
  );
  out.line(
    `over-mask rate ${percent(scores.overMaskRate)} (${scores.overMaskedCharacters} of ${scores.plainCharacters} other characters masked)`,
  );
  if (latencyMs !== null) out.line(`time for a row: P50 ${latencyMs.p50.toFixed(1)} ms, P95 ${latencyMs.p95.toFixed(1)} ms`);
  out.line(`${rows} rows, ${scores.characters} characters`);
  if (predictions !== undefined) out.line(`predictions: ${asSeen(predictions)}`);
  if (rowsLikeCodePoints > 0)
    out.line(paint.warn(`In ${rowsLikeCodePoints} rows the offsets look as if they counted code points: try --offsets code-points.`));
  for (const { line, problem } of badRows.slice(0, MAX_BAD_ROWS_SHOWN)) out.line(paint.bad(`line ${line}: ${problem}`));
  if (badRows.length > MAX_BAD_ROWS_SHOWN) out.line(paint.bad(`and ${badRows.length - MAX_BAD_ROWS_SHOWN} more`));
}
