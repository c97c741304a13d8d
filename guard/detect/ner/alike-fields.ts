/**
 * Fields that are alike: a column of a table, a key that comes again in JSON. Where the model finds a name in most of them, the others hold names too:
 * a lone `Thi` in a cell has no sentence around it that would tell.
 */
import type { DataClass } from "../../../mesh/contract/data-class.ts";
import type { Finding } from "../finding.ts";
import { type Cell, cellsOf } from "../table-cells.ts";

/** Only these are guessed from their neighbours; a date or an address has a form of its own. */
const GUESSED: readonly DataClass[] = ["PERSON", "ORG", "LOCATION", "ADDRESS"];
const MIN_FIELDS = 3;
/** Share of the fields that the model must have found by itself. */
const MOST = 0.5;
/** Share of a field's letters that a finding must cover to be the field's content and not only a part of it. */
const WHOLE = 0.7;
const MAX_FIELD = 80;
const DELIMITERS = [",", ";", "\t", "|"] as const;
const JSON_TEXT = /"([^"\\\n]{1,60})"\s{0,4}:\s{0,4}"((?:[^"\\\n]|\\.){1,80})"/g;
const NAME_LIKE = /^\p{L}[\p{L}\p{M}'’.&, -]*$/u;

const trimmed = (text: string, { start, end }: Cell): Cell => {
  const surface = text.slice(start, end);
  const inner = surface.replace(/^[\s"*]+/, "");
  const from = end - inner.length;
  return { start: from, end: from + inner.replace(/[\s"*]+$/, "").length };
};

/** The delimiter that parts a line into most cells, and how many. */
function shapeOf(text: string, start: number, end: number): { delimiter: string; cells: Cell[] } | undefined {
  let best: { delimiter: string; cells: Cell[] } | undefined;
  for (const delimiter of DELIMITERS) {
    if (!text.slice(start, end).includes(delimiter)) continue;
    const cells = cellsOf(text, start, end, delimiter);
    if (cells.length > (best?.cells.length ?? 1)) best = { delimiter, cells };
  }
  return best;
}

/** Columns of every run of at least three lines with the same delimiter and number of cells, without the first line, which may name them. */
function columnsOf(text: string): Cell[][] {
  const groups: Cell[][] = [];
  let rows: Cell[][] = [];
  let shape = "";
  const close = (): void => {
    const [first = [], ...others] = rows;
    if (others.length >= MIN_FIELDS) for (const [i] of first.entries()) groups.push(others.flatMap((row) => row[i] ?? []));
    rows = [];
  };
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const line = end - start > 2_000 ? undefined : shapeOf(text, start, end);
    const next = line === undefined ? "" : `${line.delimiter}${line.cells.length}`;
    if (next !== shape) close();
    shape = next;
    if (line !== undefined) rows.push(line.cells.map((cell) => trimmed(text, cell)));
    start = end + 1;
  }
  close();
  return groups;
}

/** Text values of each key that comes at least three times. */
function keysOf(text: string): Cell[][] {
  const groups = new Map<string, Cell[]>();
  for (const { 0: pair, 1: key = "", 2: value = "", index } of text.matchAll(JSON_TEXT)) {
    const end = index + pair.length - 1;
    const fields = groups.get(key) ?? [];
    fields.push({ start: end - value.length, end });
    groups.set(key, fields);
  }
  return [...groups.values()].filter((fields) => fields.length >= MIN_FIELDS);
}

/** The first finding that ends behind a place, by halving. */
function firstBehind(findings: readonly Finding[], place: number): number {
  let low = 0;
  let high = findings.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((findings[middle]?.end ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The class of the finding that fills a field, or undefined. */
function filledBy(findings: readonly Finding[], { start, end }: Cell): DataClass | undefined {
  for (let i = firstBehind(findings, start); (findings[i]?.start ?? end) < end; i += 1) {
    const finding = findings[i];
    if (finding === undefined) continue;
    if (Math.min(end, finding.end) - Math.max(start, finding.start) >= WHOLE * (end - start)) return finding.label;
  }
  return undefined;
}

/** What the other fields of a group hold, where most of them hold the same. */
function guessed(fields: readonly Cell[], findings: readonly Finding[], text: string): Finding[] {
  const candidates = fields.filter(({ start, end }) => end > start && end - start <= MAX_FIELD && NAME_LIKE.test(text.slice(start, end)));
  if (candidates.length < MIN_FIELDS) return [];
  const filled = candidates.map((field) => filledBy(findings, field));
  const label = GUESSED.find((each) => filled.filter((found) => found === each).length > candidates.length * MOST);
  if (label === undefined) return [];
  return candidates
    .filter((_, i) => filled[i] === undefined)
    .map(({ start, end }) => ({ start, end, label, score: 0.3, detector: "ner:alike", value: text.slice(start, end) }));
}

/**
 * What is guessed from fields that are alike; may overlap the model's own findings.
 * @param findings of the model, in order, not overlapping
 */
export function alikeFields(text: string, findings: readonly Finding[]): Finding[] {
  if (findings.length < MIN_FIELDS - 1) return [];
  return [...columnsOf(text), ...keysOf(text)].flatMap((fields) => guessed(fields, findings, text));
}
