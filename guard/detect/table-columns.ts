/** Finds tables in a text (CSV, TSV, semicolons, Markdown, aligned with spaces) and tells the header of the column that a place is in. */
import { type Cell, cellsOf } from "./table-cells.ts";

/** Headers that say what is personal; only their tables are of interest. */
const NOTABLE =
  /phone|mobil|\btel|fax|handy|birth|\bdob\b|geburt|naiss|nacim|nascita|\bssn\b|social|national|\bd?ni[efr]?\b|pesel|person|tax|passport|identi|\bid\b|bsn|\bnino\b|card|credit|\bpan\b|\bcpf\b|steuer|ausweis|insee|\bcontact\b|account|konto|\bacct\b|compte|conto|cuenta|rekening|sort ?code|routing|\bblz\b|\bbic\b|\butr\b|\bvat\b|\bein\b|\bage\b|\balter\b|edad|\blat|\blon|\blng|born|\bnhs\b|aadha|cpf|curp/i;

const DELIMITERS = [",", ";", "\t", "|"] as const;

const isName = (cell: string): boolean => cell.length <= 60 && /^(?:[\p{L}_#][\p{L}\p{N}_ ,&'’./()#-]*)?$/u.test(cell);
const nameOf = (text: string, cell: Cell): string => text.slice(cell.start, cell.end).replace(/^[\s"*]+|[\s"*]+$/g, "");

/** How a table's rows are read, and the names of its columns. */
interface Header {
  readonly names: readonly string[];
  readonly rowCells: (text: string, start: number, end: number) => Cell[];
  /** A row may have so many cells more, since an unquoted value holds the delimiter. */
  readonly surplus: number;
}

/** Columns parted by spaces: each reaches to where the next one's name begins. */
const ALIGNED = /\S+(?: \S+)*/g;
const LEAST_ALIGNED = 3;

function alignedHeader(line: string): Header | undefined {
  if (!/\S {2,}\S/.test(line)) return undefined;
  const found = [...line.matchAll(ALIGNED)];
  const names = found.map(([name]) => name);
  if (names.length < LEAST_ALIGNED || !names.every(isName)) return undefined;
  const offsets = found.map(({ index }) => index);
  const rowCells = (text: string, start: number, end: number): Cell[] =>
    / {2}/.test(text.slice(start, end)) || end - start < (offsets[1] ?? 0)
      ? offsets.map((offset, i) => ({
          start: Math.min(start + offset, end),
          end: Math.min(start + (offsets[i + 1] ?? end - start) - 1, end),
        }))
      : [];
  return { names, rowCells, surplus: 0 };
}

/** What a header line says, or undefined where the line is no header. */
function headerOf(text: string, start: number, end: number): Header | undefined {
  const line = text.slice(start, end);
  if (line.length > 4_000 || !NOTABLE.test(line.replaceAll("_", " "))) return undefined;
  for (const delimiter of DELIMITERS) {
    const names = cellsOf(text, start, end, delimiter).map((cell) => nameOf(text, cell));
    if (names.length < 2 || names.filter((name) => name !== "").length < 2 || !names.every(isName)) continue;
    return { names, rowCells: (source, from, to) => cellsOf(source, from, to, delimiter), surplus: delimiter === "," ? MOST_SURPLUS : 0 };
  }
  return alignedHeader(line);
}

const MOST_SURPLUS = 3;

/** A cell of a table with what its column may be called: several names where a row has more cells than the header. */
export interface NamedCell extends Cell {
  readonly headers: readonly string[];
}

/** The cells of a row under their names; empty where the line is no row of the table. */
function rowOf(text: string, start: number, end: number, { names, rowCells, surplus }: Header): NamedCell[] {
  const row = rowCells(text, start, end);
  const more = row.length - names.length;
  if (row.length === 0 || more < 0 || more > surplus) return [];
  return row.map((cell, i) => ({ ...cell, headers: names.slice(Math.max(0, i - more), i + 1) }));
}

/** Reads the tables of a text, in one pass. */
export function tableColumns(text: string): { cellAt(place: number): NamedCell | undefined } {
  const cells: NamedCell[] = [];
  let header: Header | undefined;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const row = header === undefined ? [] : rowOf(text, start, end, header);
    if (row.length > 0) for (const cell of row) cells.push(cell);
    else if (header === undefined || !isRule(text, start, end)) header = headerOf(text, start, end);
    start = end + 1;
  }
  return { cellAt: (place) => findCell(cells, place) };
}

/** A line that only underlines the names above it. */
const isRule = (text: string, start: number, end: number): boolean => end - start < 4_000 && /^[-=+|: ]+$/.test(text.slice(start, end));

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
