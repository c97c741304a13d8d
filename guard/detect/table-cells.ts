/** Cuts a line of a delimited table into its cells, for what reads tables: context, declared columns, columns of names. */

/** A cell: UTF-16 offsets in the text, end exclusive. */
export interface Cell {
  readonly start: number;
  readonly end: number;
}

/** The cells of one line; a quoted cell may hold the delimiter. */
export function cellsOf(text: string, start: number, end: number, delimiter: string): Cell[] {
  const cells: Cell[] = [];
  let from = start;
  let quoted = false;
  for (let i = start; i < end; i += 1) {
    if (text[i] === '"') quoted = !quoted;
    if (quoted || text[i] !== delimiter) continue;
    cells.push({ start: from, end: i });
    from = i + 1;
  }
  return [...cells, { start: from, end }];
}
