/**
 * Changes single settings in a YAML text and leaves every other byte as it is. Where a text is of a form that can't be cut
 * (flow style at the top, an anchor on the value), the document is written anew; its comments and order stay.
 */
import { isDeepStrictEqual } from "node:util";
import { type Document, isMap, isScalar, type Pair, parseDocument, stringify, type YAMLMap } from "yaml";
import { GaggleError } from "../../contract/errors.ts";

/** A setting at the top, or one in a map at the top. */
export type SettingPath = readonly [string] | readonly [string, string];
/** What a settings file says, as plain data. */
export type Settings = Record<string, unknown>;

const FORMAT = { lineWidth: 0 } as const;

function parse(text: string, file: string): Document.Parsed {
  const document = parseDocument(text, { logLevel: "error" });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? 1;
    // YAML's own message is left out: it quotes the line, and the file may hold keys.
    throw new GaggleError("INVALID_INPUT", `${file} is not valid YAML at line ${line} (${error.code}). Mend that line and run this again.`);
  }
  if (document.contents !== null && !isMap(document.contents)) {
    throw new GaggleError("INVALID_INPUT", `${file} must hold settings (key: value) at the top, from line 1. Mend it and run this again.`);
  }
  return document;
}

/**
 * Reads a settings file's text.
 * @param file names it in errors
 * @throws GaggleError INVALID_INPUT naming file, line and fix
 */
export function readSettings(text: string, file: string): Settings {
  return (parse(text, file).toJS() ?? {}) as Settings;
}

const newlineOf = (text: string): string => (text.includes("\r\n") ? "\r\n" : "\n");

function block(key: string, value: unknown, indent: string, newline: string): string {
  const lines = stringify({ [key]: value }, FORMAT)
    .trimEnd()
    .split("\n");
  return lines.map((line) => `${indent}${line}${newline}`).join("");
}

const withEnd = (text: string, newline: string): string => (text === "" || text.endsWith("\n") ? text : `${text}${newline}`);
const append = (text: string, key: string, value: unknown): string =>
  withEnd(text, newlineOf(text)) + block(key, value, "", newlineOf(text));

interface Located {
  readonly map: YAMLMap;
  readonly pair: Pair | undefined;
}

function pairIn(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

type Range = readonly [number, number];

const rangeOf = (node: unknown): Range | undefined => {
  const range = (node as { range?: readonly [number, number, number] | null } | null | undefined)?.range;
  return range === null || range === undefined ? undefined : [range[0], range[1]];
};

/** The whole lines of a pair in a block map, or undefined where something else stands on them. */
function linesOf(text: string, pair: Pair): Range | undefined {
  const key = rangeOf(pair.key);
  if (key === undefined) return undefined;
  const start = text.lastIndexOf("\n", key[0] - 1) + 1;
  if (text.slice(start, key[0]).trim() !== "") return undefined;
  const valueEnd = Math.max(rangeOf(pair.value)?.[1] ?? 0, key[1]);
  if (text[valueEnd - 1] === "\n") return [start, valueEnd];
  const newline = text.indexOf("\n", valueEnd);
  return [start, newline === -1 ? text.length : newline + 1];
}

const splice = (text: string, [start, end]: Range, by: string): string => text.slice(0, start) + by + text.slice(end);

/** Replaces a value that stands on one line; what follows on the line stays. */
function replaceScalar(text: string, { value, key }: Pair, by: unknown): string | undefined {
  const range = rangeOf(value) ?? rangeOf(key);
  if (range === undefined || typeof by === "object" || !(isScalar(value) || value === null)) return undefined;
  const written = stringify(by, FORMAT).trimEnd();
  const old = text.slice(...range);
  if (old.includes("\n")) return undefined;
  return old === "" ? splice(text, range, ` ${written}`) : splice(text, range, written);
}

/** Puts a pair behind the last one of a map in block style. */
function insertLast(text: string, map: YAMLMap, key: string, value: unknown): string | undefined {
  const last = map.items.at(-1);
  const lines = last === undefined ? undefined : linesOf(text, last);
  const first = rangeOf(map.items[0]?.key);
  if (map.flow === true || lines === undefined || first === undefined) return undefined;
  const indent = text.slice(text.lastIndexOf("\n", first[0] - 1) + 1, first[0]);
  const newline = newlineOf(text);
  const before = withEnd(text.slice(0, lines[1]), newline);
  return before + block(key, value, indent, newline) + text.slice(lines[1]);
}

function spliceChild(text: string, parent: Pair, key: string, value: unknown): string | undefined {
  const newline = newlineOf(text);
  if (isScalar(parent.value) && parent.value.value === null) {
    const lines = linesOf(text, parent);
    if (lines === undefined) return undefined;
    return withEnd(text.slice(0, lines[1]), newline) + block(key, value, "  ", newline) + text.slice(lines[1]);
  }
  if (!isMap(parent.value) || parent.value.flow === true) return undefined;
  const pair = pairIn(parent.value, key);
  if (pair === undefined) return insertLast(text, parent.value, key, value);
  const lines = linesOf(text, pair);
  const start = rangeOf(pair.key)?.[0];
  if (lines === undefined || start === undefined) return undefined;
  return splice(text, lines, block(key, value, text.slice(lines[0], start), newline));
}

function spliceSet(text: string, root: YAMLMap | null, [top, child]: SettingPath, value: unknown): string | undefined {
  if (root?.flow === true) return undefined;
  const pair = root === null ? undefined : pairIn(root, top);
  if (pair === undefined) return append(text, top, child === undefined ? value : { [child]: value });
  return child === undefined ? replaceScalar(text, pair, value) : spliceChild(text, pair, child, value);
}

function locate(root: YAMLMap | null, [top, child]: SettingPath): Located | undefined {
  if (root === null) return undefined;
  const pair = pairIn(root, top);
  if (child === undefined) return { map: root, pair };
  return isMap(pair?.value) ? { map: pair.value, pair: pairIn(pair.value, child) } : undefined;
}

function spliceDelete(text: string, root: YAMLMap | null, path: SettingPath): string | undefined {
  const found = locate(root, path);
  if (found?.pair === undefined || found.map.flow === true) return undefined;
  const lines = linesOf(text, found.pair);
  if (lines === undefined) return undefined;
  const rest = splice(text, lines, "");
  return path.length === 2 && found.map.items.length === 1 ? writtenEmpty(rest, root, path[0]) : rest;
}

/** A map whose last entry went is `{}`: with nothing behind its key it would be null. Entries stand below the key, so its range still holds. */
function writtenEmpty(text: string, root: YAMLMap | null, key: string): string | undefined {
  const end = rangeOf(root === null ? undefined : pairIn(root, key)?.key)?.[1];
  return end !== undefined && text[end] === ":" ? splice(text, [end + 1, end + 1], " {}") : undefined;
}

function says(text: string, wanted: Settings): boolean {
  const document = parseDocument(text, { logLevel: "error" });
  return document.errors.length === 0 && isDeepStrictEqual(document.toJS() ?? {}, wanted);
}

/** The cut text where it says what the rewritten document says, else the rewritten document. */
function checked(spliced: string | undefined, document: Document, { file, path }: { file: string; path: SettingPath }): string {
  const wanted = changed(document, file, path);
  return spliced !== undefined && says(spliced, wanted) ? spliced : document.toString(FORMAT);
}

function changed(document: Document, file: string, path: SettingPath): Settings {
  try {
    return (document.toJS() ?? {}) as Settings;
  } catch (cause) {
    // What was there had an anchor, and an alias elsewhere names it.
    if (cause instanceof ReferenceError)
      throw inTheWay(file, path, "has an anchor (&name) that is used elsewhere; write its value out there");
    throw cause;
  }
}

const inTheWay = (file: string, path: SettingPath, how: string): GaggleError =>
  new GaggleError("INVALID_INPUT", `${path.join(".")} in ${file} ${how}, and run this again.`);

const rootOf = (document: Document): YAMLMap | null => (isMap(document.contents) ? document.contents : null);

/** Makes sure that a map is there. A null, such as `extensions:` with nothing behind it, becomes one; anything else is the user's to keep. */
function makeRoom(document: Document, file: string, top: string): void {
  const there = document.get(top, true);
  if (isMap(there)) return;
  const empty = there === undefined || (isScalar(there) && there.value === null);
  if (!empty) throw inTheWay(file, [top], "is no map of its own (name: settings), but an alias, a list or a text; write it out as a map");
  document.set(top, document.createNode({}));
}

/** The text with a setting set. @throws GaggleError INVALID_INPUT where the text is not valid; see {@link readSettings} */
export function setSetting(text: string, file: string, path: SettingPath, value: unknown): string {
  const document = parse(text, file);
  const spliced = spliceSet(text, rootOf(document), path, value);
  if (path.length === 2) makeRoom(document, file, path[0]);
  document.setIn(path, document.createNode(value));
  return checked(spliced, document, { file, path });
}

/** The text without a setting; the same text where it has none. @throws GaggleError INVALID_INPUT where the text is not valid */
export function deleteSetting(text: string, file: string, path: SettingPath): string {
  const document = parse(text, file);
  if (!document.hasIn(path)) return text;
  const spliced = spliceDelete(text, rootOf(document), path);
  document.deleteIn(path);
  return checked(spliced, document, { file, path });
}
