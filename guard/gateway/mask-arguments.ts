/** Masks the JSON text of a tool call's arguments so that it stays valid JSON. */
import { type Json, parseJson } from "../../mesh/contract/json.ts";

/** Masks a text; `wrap` writes each token at its place. */
export type MaskWith = (text: string, wrap?: (token: string, span: { start: number; end: number }) => string) => string;

function parsed(text: string): { value: Json } | undefined {
  try {
    return { value: parseJson(text, "The arguments") };
  } catch {
    return undefined;
  }
}

/** The string literals of valid JSON text, as spans in order. */
const stringSpans = (text: string): { start: number; end: number }[] =>
  Array.from(text.matchAll(/"(?:[^"\\]|\\.)*"/gs), (match) => ({ start: match.index, end: match.index + match[0].length }));

/** A function that tells whether places, asked in rising order, are inside a string literal. */
function insideString(text: string): (place: number) => boolean {
  const spans = stringSpans(text);
  let next = 0;
  return (place) => {
    while ((spans[next]?.end ?? Number.POSITIVE_INFINITY) <= place) next += 1;
    return (spans[next]?.start ?? Number.POSITIVE_INFINITY) < place;
  };
}

/** Masks value by value and writes the JSON anew; for the rare text where replacing in place broke it. */
function maskLeaves(value: Json, key: string, mask: MaskWith): Json {
  if (typeof value === "string") return mask(value);
  if (typeof value === "number") {
    const named = `${JSON.stringify(key)}: ${value}`;
    const masked = mask(named);
    return masked === named ? value : masked.slice(masked.lastIndexOf(" ") + 1);
  }
  if (Array.isArray(value)) return value.map((item) => maskLeaves(item, key, mask));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, child]): [string, Json] => [mask(name), maskLeaves(child, name, mask)]));
}

/**
 * Masks arguments. A number that is personal becomes a string with its token; text that is no JSON is masked as text.
 * @param mask masks any text in this session
 */
export function maskArguments(text: string, mask: MaskWith): string {
  const original = parsed(text);
  if (original === undefined) return mask(text);
  const isInside = insideString(text);
  const masked = mask(text, (token, span) => (isInside(span.start) ? token : `"${token}"`));
  return parsed(masked) === undefined ? JSON.stringify(maskLeaves(original.value, "", mask)) : masked;
}
