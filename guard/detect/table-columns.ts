/** Finds tables in a text (CSV, TSV, semicolons, Markdown) and tells the header of the column that a place is in. */

/** Headers that say what is personal; only their tables are of interest. */
const NOTABLE =
  /phone|mobil|\btel|fax|handy|birth|\bdob\b|geburt|naiss|nacim|nascita|\bssn\b|social|national|\bd?ni[efr]?\b|pesel|person|tax|passport|identi|\bid\b|bsn|\bnino\b|card|credit|\bpan\b|\bcpf\b|steuer|ausweis|insee|\bcontact\b|account|konto|\bacct\b|compte|conto|cuenta|rekening|sort ?code|routing|\bblz\b|\bbic\b|\butr\b|\bvat\b|\bein\b|\bage\b|\balter\b|edad|\blat|\blon|\blng|born|\bnhs\b|aadha|cpf|curp/i;

const DELIMITERS = [",", ";", "\t", "|"] as const;

interface Cell {
  readonly start: number;
  readonly end: number;
}

/** The cells of one line; a quoted cell may hold the delimiter. */
function cellsOf(text: string, start: number, end: number, delimiter: string): Cell[] {
  const cells: Cell[] = [];
  let from = start;
  let quoted = false;
  for (let i = start; i < end; i += 1) {
    if (text[i] === '"') quoted = !quoted;
    if (quoted || text[i] !== delimiter) continue;
    cells.push({ start: from, end: i });
    from = i + 1;
  }
  cells.push({ start: from, end });
  return cells;
}

const isName = (cell: string): boolean => cell.length <= 60 && /^(?:[\p{L}_][\p{L}\p{N}_ ./()-]*)?$/u.test(cell);
const nameOf = (text: string, cell: Cell): string => text.slice(cell.start, cell.end).replace(/^[\s"*]+|[\s"*]+$/g, "");

/** The names of a header line with the delimiter that parts them, or undefined where the line is no header. */
function headerOf(text: string, start: number, end: number): { delimiter: string; names: string[] } | undefined {
  if (end - start > 4_000 || !NOTABLE.test(text.slice(start, end).replaceAll("_", " "))) return undefined;
  for (const delimiter of DELIMITERS) {
    const names = cellsOf(text, start, end, delimiter).map((cell) => nameOf(text, cell));
    if (names.length >= 2 && names.filter((name) => name !== "").length >= 2 && names.every(isName)) return { delimiter, names };
  }
  return undefined;
}

/** Reads the tables of a text, in one pass. */
export function tableColumns(text: string): { headerAt(place: number): string | undefined } {
  const cells: (Cell & { header: string })[] = [];
  let header: ReturnType<typeof headerOf>;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const row = header === undefined ? [] : cellsOf(text, start, end, header.delimiter);
    if (header !== undefined && row.length === header.names.length) {
      for (const [i, cell] of row.entries()) cells.push({ ...cell, header: header.names[i] ?? "" });
    } else header = headerOf(text, start, end);
    start = end + 1;
  }
  return { headerAt: (place) => findCell(cells, place)?.header };
}

/** The cell that holds a place, by halving. */
function findCell<C extends Cell>(cells: readonly C[], place: number): C | undefined {
  let low = 0;
  let high = cells.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cells[middle]?.end ?? 0) < place) low = middle + 1;
    else high = middle;
  }
  const cell = cells[low];
  return cell !== undefined && cell.start <= place ? cell : undefined;
}
