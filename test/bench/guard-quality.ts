/**
 * How well the guard finds, as Markdown for docs/benchmarks.md: `node test/bench/guard-quality.ts [options] NAME=FILE.jsonl …`.
 *   --labels A,B     score only these, in every set
 *   --map A=B        read label A as B; may be repeated
 *   --offsets UNIT   utf16 (default) or code-points
 *   --lists FILE     an organisation's guard.yaml
 *   --model FOLDER   another model than the shipped one
 *   --rules-only     without a model
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { createDetection } from "../../guard/detect/create-detection.ts";
import type { Detection } from "../../guard/detect/detection.ts";
import { type Evaluation, evaluate } from "../../guard/eval/evaluate.ts";
import { createLabelMap } from "../../guard/eval/label-map.ts";
import { readLines } from "../../guard/eval/read-lines.ts";
import type { LabelScore } from "../../guard/eval/score.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { parseMapping } from "../../mesh/cli/guard/eval-command.ts";
import { guardLists } from "../../mesh/contract/guard-policy.ts";

const CLONE = join(import.meta.dirname, "..", "..");
const HEADER = ["set", "label", "marked", "P", "R", "F1", "P~", "R~", "R any", "F2 any", "leaked"];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    labels: { type: "string" },
    map: { type: "string", multiple: true, default: [] },
    offsets: { type: "string", default: "utf16" },
    lists: { type: "string" },
    model: { type: "string" },
    "rules-only": { type: "boolean", default: false },
  },
});

const figure = (value: number | null): string => (value === null ? "–" : value.toFixed(3).replace(/^0/, ""));
const percent = (value: number | null): string => (value === null ? "–" : `${(100 * value).toFixed(2)} %`);
const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;

const scoreCells = ({ gold, strict, overlap, overlapAnyLabel, leakRate }: LabelScore): string[] => [
  String(gold),
  ...[strict.precision, strict.recall, strict.f1, overlap.precision, overlap.recall, overlapAnyLabel.recall, overlapAnyLabel.f2].map(
    figure,
  ),
  percent(leakRate),
];

/** The rows of one set: each label that is marked in it, then all. */
function rowsOf(name: string, { scores }: Evaluation): string {
  const marked = Object.entries(scores.labels).filter(([, { gold }]) => gold > 0);
  const all = row([`**${name}**`, "**all**", ...scoreCells(scores.overall)]);
  return marked.map(([label, score]) => row([name, label, ...scoreCells(score)])).join("") + all;
}

const summary = (name: string, { rows, badRows, scores, latencyMs }: Evaluation): string =>
  row([
    name,
    String(rows),
    String(scores.characters),
    percent(scores.overMaskRate),
    latencyMs === null ? "–" : `${latencyMs.p50.toFixed(1)} / ${latencyMs.p95.toFixed(1)}`,
    String(badRows.length),
  ]);

async function evaluateSet(detection: Pick<Detection, "detect">, file: string): Promise<Evaluation> {
  const labels = options.labels?.split(",").map((label) => label.trim().toUpperCase());
  return evaluate(
    readLines(file),
    { detection, now: () => performance.now() },
    {
      map: createLabelMap(parseMapping(options.map)),
      offsets: options.offsets === "code-points" ? "code-points" : "utf16",
      ...(labels === undefined ? {} : { labels: new Set(labels) }),
    },
  );
}

const lists = options.lists === undefined ? {} : { lists: guardLists.parse(parse(await readFile(options.lists, "utf8"))) };
const modelFolder = options["rules-only"] ? null : (options.model ?? join(CLONE, "guard", "model"));
const detection = createDetection({ clock: systemClock, random: systemRandom }, { installFolder: CLONE, modelFolder, ...lists });
try {
  const sets: [string, Evaluation][] = [];
  for (const given of positionals) {
    const [name = "", file = name] = given.split("=", 2);
    process.stderr.write(`${name} …\n`);
    sets.push([name, await evaluateSet(detection, file)]);
  }
  const out = process.stdout;
  out.write(row(HEADER) + row(HEADER.map((_, column) => (column < 2 ? "---" : "---:"))));
  for (const [name, evaluation] of sets) out.write(rowsOf(name, evaluation));
  out.write(
    `\n${row(["set", "rows", "characters", "masked too much", "ms a row, P50 / P95", "lines not read"])}${row(["---", ...Array<string>(5).fill("---:")])}`,
  );
  for (const [name, evaluation] of sets) out.write(summary(name, evaluation));
  if (sets.some(([, { badRows }]) => badRows.length > 0) || sets.length === 0) process.exitCode = 1;
} finally {
  await detection.close();
}
