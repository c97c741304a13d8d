/** Tables of figures for people. */
import type { Figures } from "./figures.ts";

/** A number with so many digits behind the point. */
export const round = (value: number, digits = 2): string => value.toFixed(digits);

/** Prints rows with aligned columns: the first to the left, all others to the right. */
export function table(out: NodeJS.WritableStream, title: string, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ");
  out.write(`\n${title}\n${rows.map((row) => `  ${line(row)}\n`).join("")}`);
}

/** Rows of {@link table} for durations by name. */
export const figureRows = (figures: Readonly<Record<string, Figures>>): string[][] => [
  ["milliseconds", "p50", "p95", "count"],
  ...Object.entries(figures).map(([name, { p50, p95, count }]) => [name, round(p50), round(p95), String(count)]),
];
