/** Searches what a model's side got for the personal data of the sample's books, in every way in which JSON can hold a text. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Kinds of data that rules can find. */
export type PersonalKind = "email" | "iban" | "phone" | "card" | "national id";
/** A value of the books. */
export interface PersonalValue {
  readonly kind: PersonalKind;
  readonly value: string;
}

const COLUMNS: readonly { readonly column: RegExp; readonly kind: PersonalKind }[] = [
  { column: /email$/, kind: "email" },
  { column: /iban$/, kind: "iban" },
  { column: /phone$/, kind: "phone" },
  { column: /^national_id$/, kind: "national id" },
];
/** What also stands in running text, such as the text of a bank's booking. */
const IN_TEXT: readonly { readonly pattern: RegExp; readonly kind: PersonalKind }[] = [
  { pattern: /[^\s,"]+@[^\s,"]+/g, kind: "email" },
  { pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g, kind: "iban" },
  { pattern: /\b\d{4} \d{4} \d{4} \d{4}\b/g, kind: "card" },
];

/** Every value of `input/`, each once. */
export function personalDataOf(input: string): PersonalValue[] {
  const found = new Map<string, PersonalKind>();
  for (const name of readdirSync(input, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".csv"))) {
    const text = readFileSync(join(input, name), "utf8");
    const [header = [], ...rows] = text.trimEnd().split(/\r?\n/).map(cellsOf);
    for (const row of rows) {
      for (const [index, cell] of row.entries()) {
        const kind = COLUMNS.find(({ column }) => column.test(header[index] ?? ""))?.kind;
        if (kind !== undefined && cell !== "") found.set(cell, kind);
      }
    }
    let rest = text;
    for (const { pattern, kind } of IN_TEXT) {
      for (const [value] of rest.matchAll(pattern)) found.set(value, found.get(value) ?? kind);
      // The end of an IBAN looks like a card.
      rest = rest.replaceAll(pattern, "");
    }
  }
  return [...found].map(([value, kind]) => ({ value, kind }));
}

const cellsOf = (line: string): string[] =>
  Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? "");

/** The values that occur in a line of JSON, as the kind and the line's number, never the value. */
export function leaksIn(lines: readonly string[], values: readonly PersonalValue[]): { line: number; kind: PersonalKind }[] {
  const needles = values.map(({ kind, value }) => ({ kind, needle: bare(value) }));
  return lines.flatMap((line, index) => {
    const texts = [bare(unescaped(line)), ...stringsOf(JSON.parse(line)).map(bare)];
    const kinds = new Set(needles.filter(({ needle }) => texts.some((text) => text.includes(needle))).map(({ kind }) => kind));
    return [...kinds].map((kind) => ({ line: index + 1, kind }));
  });
}

/** Without case, and without what people put between the parts of a number or address. */
const bare = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[\s\-./()+_\u00ad\u200b-\u200d\u2010-\u2015\u2060\ufeff]/g, "");

/** Every text in a value: keys, strings, and what strings hold that are JSON themselves or were escaped once more. */
function stringsOf(value: unknown): string[] {
  if (typeof value === "string") {
    const nested = parsed(value);
    const plain = unescaped(value);
    return [value, ...(plain === value ? [] : [plain]), ...(nested === undefined ? [] : stringsOf(nested))];
  }
  if (typeof value === "number") return [String(value)];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...stringsOf(item)]);
}

/** What a text means as JSON; numbers and the like mean nothing new. */
function parsed(text: string): unknown {
  if (!/^\s*["[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const SHORT: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

/** All escapes of JSON undone, level by level, until there is none: for JSON that is only a part of a text. */
function unescaped(text: string): string {
  let plain = text;
  for (let before = ""; before !== plain; ) {
    before = plain;
    plain = plain.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code: string | undefined, char: string | undefined) =>
      code === undefined ? (SHORT[char ?? ""] ?? char ?? "") : String.fromCharCode(Number.parseInt(code, 16)),
    );
  }
  return plain;
}
