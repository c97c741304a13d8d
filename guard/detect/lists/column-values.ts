/** The values of columns and keys that the organisation declared personal: in CSV and Markdown tables, in JSON, and behind `Key:` on a line. */
import type { DataClass } from "../../../mesh/contract/data-class.ts";
import type { GuardLists } from "../../../mesh/contract/guard-policy.ts";
import { type Cell, cellsOf } from "../table-cells.ts";

/** A value at its place; UTF-16 offsets, end exclusive. */
export interface ColumnValue {
  readonly start: number;
  readonly end: number;
  readonly label: DataClass;
}

interface Header {
  readonly delimiter: string;
  readonly labels: readonly (DataClass | undefined)[];
}

const DELIMITERS = ["\t", ";", "|", ","] as const;
const MAX_HEADER = 8_000;
/** A value of a key is a text, a number, or the first text of a list. */
const JSON_PAIR = /"([^"\\\n]{1,100})"\s{0,8}:\s{0,8}(?:"((?:[^"\\\n]|\\.){0,400})"|(-?\d[\d.eE+-]{0,40}))/g;
const LINE_PAIR = /^[ \t>*#-]{0,8}(["'`*]{0,2})([\p{L}_][\p{L}\p{N}_ ./()-]{0,99}?)\1[ \t]{0,4}[:=][ \t]{0,8}(\S[^\n]{0,400})$/gmu;
const EMPTY_VALUE = /^(?:|null|none|n\/a|true|false|-+)$/i;

/** A name without case and separators: `employee_no`, `Employee No.` and `employeeNo` are one. */
export const columnKey = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** A cell or value without the spaces, quotes and emphasis around it; undefined where nothing is left. */
function trimmed(text: string, { start, end }: Cell): Cell | undefined {
  const surface = text.slice(start, end);
  const lead = /^[\s"'`*]*/.exec(surface)?.[0].length ?? 0;
  const inner = surface.slice(lead).replace(/[\s"'`*,;]+$/, "");
  return EMPTY_VALUE.test(inner) ? undefined : { start: start + lead, end: start + lead + inner.length };
}

/** Makes the search. Linear in the text. */
export function createColumnValues(columns: GuardLists["columns"]): (text: string) => ColumnValue[] {
  const labels = new Map<string, DataClass>();
  for (const { class: label, names } of columns) for (const name of names) labels.set(columnKey(name), label);
  if (labels.size === 0) return () => [];

  const headerOf = (text: string, start: number, end: number): Header | undefined => {
    if (end - start > MAX_HEADER) return undefined;
    for (const delimiter of DELIMITERS) {
      const cells = cellsOf(text, start, end, delimiter);
      if (cells.length < 2) continue;
      const found = cells.map((cell) => labels.get(columnKey(text.slice(cell.start, cell.end))));
      if (found.some((label) => label !== undefined)) return { delimiter, labels: found };
    }
    return undefined;
  };

  const ofTables = (text: string): ColumnValue[] => {
    const values: ColumnValue[] = [];
    let header: Header | undefined;
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf("\n", start);
      const end = newline < 0 ? text.length : newline;
      const next = headerOf(text, start, end);
      const row = next === undefined && header !== undefined ? cellsOf(text, start, end, header.delimiter) : [];
      if (header !== undefined && row.length === header.labels.length) values.push(...ofRow(text, row, header));
      else if (next !== undefined || text.slice(start, end).trim() === "") header = next;
      start = end + 1;
    }
    return values;
  };

  const ofPairs = (text: string): ColumnValue[] => {
    const values: ColumnValue[] = [];
    const add = (name: string, cell: Cell): void => {
      const label = labels.get(columnKey(name));
      const value = label === undefined ? undefined : trimmed(text, cell);
      if (label !== undefined && value !== undefined) values.push({ ...value, label });
    };
    for (const { 0: pair, 1: name = "", 2: quoted, 3: bare = "", index } of text.matchAll(JSON_PAIR)) {
      const end = index + pair.length - (quoted === undefined ? 0 : 1);
      add(name, { start: end - (quoted ?? bare).length, end });
    }
    for (const { 0: pair, 2: name = "", 3: value = "", index } of text.matchAll(LINE_PAIR)) {
      add(name, { start: index + pair.length - value.length, end: index + pair.length });
    }
    return values;
  };

  return (text) => [...ofTables(text), ...ofPairs(text)];
}

const ofRow = (text: string, row: readonly Cell[], header: Header): ColumnValue[] =>
  row.flatMap((cell, i) => {
    const label = header.labels[i];
    const value = label === undefined ? undefined : trimmed(text, cell);
    return label === undefined || value === undefined || /^[-: ]+$/.test(text.slice(cell.start, cell.end)) ? [] : [{ ...value, label }];
  });
