/** What a text says about the value at a place: the key or column that it stands under, the words before it in its cell or clause. */
import { tableColumns } from "./table-columns.ts";

const WINDOW = 80;
const LIST_WINDOW = 400;

const KEY = /(?:^|[^\p{L}\p{N}_])["'`*]{0,3}([\p{L}\p{N}_][\p{L}\p{N}_ ./-]{0,60}?)["'`*]{0,3}\s{0,3}(?::|=>?)\s{0,4}["'`([*]{0,3}$/u;
const MARKUP = /<([\p{L}\p{N}_:-]{1,40})(?: [^<>]{0,40})?>\s{0,4}$/u;
const CLAUSE_END = /[\n\t;|{}[\]"<>]|,(?! )/g;

/** Words of a name: `birthDate`, `birth_date` and `Birth-Date` are all `birth date`. */
const words = (name: string): string =>
  name
    .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .replace(/[_./-]+/g, " ")
    .trim()
    .toLowerCase();

/** The words of the clause that ends here. */
function clause(prefix: string): string {
  let from = 0;
  for (const match of prefix.matchAll(CLAUSE_END)) from = match.index + match[0].length;
  return prefix.slice(from);
}

/** The text up to the key of the list that this place is in, or undefined. */
function beforeList(text: string, place: number): string | undefined {
  const near = text.slice(Math.max(0, place - LIST_WINDOW), place);
  const open = near.lastIndexOf("[");
  if (open < 0 || /[\]{}:]/.test(near.slice(open + 1))) return undefined;
  return near.slice(Math.max(0, open - WINDOW), open + 1);
}

/** What a key leaves at the end of a text; looked for first, since most places have none. */
const KEY_END = /[:=>][\s"'`([*]{0,8}$/;

const keyOf = (prefix: string): string | undefined => (KEY_END.test(prefix) ? (KEY.exec(prefix) ?? MARKUP.exec(prefix))?.[1] : undefined);

/**
 * Makes the function that tells a place's contexts in lower-case words: its key; or its column's names and the words before it in its cell; or
 * the words before it in its clause. Tables are read once, when the first question comes. Bounded work per question.
 */
export function createContext(text: string): (place: number) => readonly string[] {
  let columns: ReturnType<typeof tableColumns> | undefined;
  return (place) => {
    const prefix = text.slice(Math.max(0, place - WINDOW), place);
    const list = beforeList(text, place);
    const key = keyOf(prefix) ?? (list === undefined ? undefined : keyOf(list));
    if (key !== undefined) return [words(key)];
    columns ??= tableColumns(text);
    const cell = columns.cellAt(place);
    if (cell === undefined) return [words(clause(prefix))];
    const inCell = words(clause(text.slice(Math.max(cell.start, place - WINDOW), place)));
    return [...cell.headers.map(words), inCell].filter((context) => context !== "");
  };
}
