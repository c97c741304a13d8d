/** JSON values, their canonical form (RFC 8785) and hashes over it. */
import { hash } from "node:crypto";
import canonicalize from "canonicalize";
import { z } from "zod";
import { GaggleError } from "./errors.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** zod schema of any JSON value. */
export const json: z.ZodType<Json> = z.json();
/** zod schema of a JSON object. */
export const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), json);

/**
 * The canonical text of a JSON value after RFC 8785 (JCS).
 * @throws GaggleError INVALID_INPUT for what JSON can't hold (NaN, undefined, functions)
 */
export function canonicalJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch (cause) {
    throw new GaggleError("INVALID_INPUT", "The value can't be written as JSON; send plain JSON data.", { cause });
  }
  if (text === undefined) throw new GaggleError("INVALID_INPUT", "The value can't be written as JSON; send plain JSON data.");
  return text;
}

/**
 * The text of a plain JSON value with its keys in the order in which they were made: much quicker than {@link canonicalJson}, which it equals where they
 * were made in that order. For records that only this agent reads, and for what is signed as bytes.
 * @throws GaggleError INVALID_INPUT for half of a surrogate pair, as {@link canonicalJson}
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  // Where JSON.stringify escaped such a half, or the text just looks so, the strict writer decides.
  if (text.includes("\\ud")) canonicalJson(value);
  return text;
}

/** SHA-256 of bytes or of a text's UTF-8, as 64 lower-case hex digits. */
export const sha256Hex = (data: string | Uint8Array): string => hash("sha256", data, "hex");

/** SHA-256 over the canonical JSON of a value, as 64 lower-case hex digits. */
export const canonicalHash = (value: unknown): string => sha256Hex(canonicalJson(value));

/** Where a string ends that begins at `from`; -1 where it never does. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((at - before) % 2 === 1) return at;
  }
  return -1;
}

const [QUOTE, BACKSLASH, BRACKET, END_BRACKET, BRACE, END_BRACE] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** Whether brackets and braces outside of strings stand deeper than the limit. */
function isNestedBeyond(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (at === -1) return false;
    } else if (code === BRACE || code === BRACKET) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (code === END_BRACE || code === END_BRACKET) depth--;
  }
  return false;
}

/** Counts up to one more than the limit. */
function countOf(sign: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(sign); at !== -1 && count <= MAX_JSON_DEPTH; at = text.indexOf(sign, at + 1)) count++;
  return count;
}

/**
 * Whether JSON text is nested deeper than {@link MAX_JSON_DEPTH}. Texts that open no more brackets than that, as most do, are not looked through: a
 * search for one sign is much quicker than parsing.
 */
export const isTooDeep = (text: string): boolean =>
  text.length > MAX_JSON_DEPTH && countOf("{", text) + countOf("[", text) > MAX_JSON_DEPTH && isNestedBeyond(text);

/**
 * Parses JSON text from outside: of a wire, a socket, a request, a file. What is nested too deeply is refused before it takes memory.
 * @param what names the input in the error, for example "The audit line"
 * @throws GaggleError INVALID_INPUT
 */
export function parseJson(text: string, what: string): Json {
  if (isTooDeep(text)) {
    const details = { length: text.length, maxDepth: MAX_JSON_DEPTH };
    throw new GaggleError("INVALID_INPUT", `${what} is nested more than ${MAX_JSON_DEPTH} levels deep; send flatter data.`, { details });
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    // The cause is left out on purpose: V8 quotes the input in its message, and the input may be a user's text.
    throw new GaggleError("INVALID_INPUT", `${what} is not valid JSON.`, { details: { length: text.length } });
  }
}

/**
 * Checks a value against a schema.
 * @param what names the input in the error, for example "send_task"
 * @throws GaggleError INVALID_INPUT with the path and problem of the first few issues, never the value
 */
export function parseAs<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = parseShallow(schema, value, what);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 3).map((issue) => `${issue.path.map(shownName).join(".") || "(top)"}: ${problemOf(issue)}`);
  throw new GaggleError("INVALID_INPUT", `${what} is not as expected. ${problems.join("; ")}`);
}

/** What is nested without end runs out of stack: that is the sender's fault, and no failure of ours. */
function parseShallow<T>(schema: z.ZodType<T>, value: unknown, what: string): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value);
  } catch (cause) {
    if (cause instanceof RangeError) throw new GaggleError("INVALID_INPUT", `${what} is nested too deeply; send flatter data.`);
    throw cause;
  }
}

/** A field's name as it may stand in an error. Names can be the sender's choice too, so only plain ones are shown: others could be text, or act on a terminal. */
const shownName = (name: PropertyKey): string => (/^[\w.@/-]{1,60}$/.test(String(name)) ? String(name) : "…");

/** What a person may have typed, in words that say how it is written. */
const FORMATS: Readonly<Record<string, string>> = {
  uuid: "no id as the lists show them; copy it whole",
  datetime: "no time as 2026-11-02T08:00:00Z",
};

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `Unrecognized key: ${issue.keys.slice(0, 3).map(shownName).join(", ")}`;
  return (issue.code === "invalid_format" ? FORMATS[issue.format] : undefined) ?? issue.message;
}
