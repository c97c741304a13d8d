/** Reads one line of a data set: spans in a text, or tokens with tags. */
import { z } from "zod";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { LabelledSpan } from "./labelled-span.ts";
import { spansOfTags } from "./tagged-tokens.ts";

/** How offsets count: UTF-16 units as JavaScript and Java do, or code points as Python does. */
export type OffsetUnit = "utf16" | "code-points";

/** A text with what a person marked in it; labels as the data set has them, offsets in UTF-16 units. */
export interface MarkedText {
  readonly text: string;
  readonly spans: readonly LabelledSpan[];
}

const span = z.object({ start: z.int().min(0), end: z.int(), label: z.string().min(1) });
const spanRow = z.object({ text: z.string(), spans: z.array(span) });
const tokenRow = z.object({ tokens: z.array(z.string()), tags: z.array(z.string()), text: z.string().optional() });

const bad = (message: string): GaggleError => new GaggleError("INVALID_INPUT", message);

/** UTF-16 offset of each code point, and of the end. */
function codePointOffsets(text: string): number[] {
  const offsets = [0];
  for (const point of text) offsets.push((offsets.at(-1) ?? 0) + point.length);
  return offsets;
}

/** True where the text has characters of two UTF-16 units, so that the units differ. */
const isAstral = (text: string): boolean => /[\u{10000}-\u{10ffff}]/u.test(text);

/** Spans by code points as spans by UTF-16 units. */
function inUtf16(text: string, spans: readonly LabelledSpan[]): LabelledSpan[] {
  if (!isAstral(text)) return [...spans];
  const offsets = codePointOffsets(text);
  const at = (point: number): number => offsets[point] ?? Number.POSITIVE_INFINITY;
  return spans.map(({ start, end, label }) => ({ start: at(start), end: at(end), label }));
}

/** Spans by UTF-16 units in the wanted unit. */
export function inUnit(unit: OffsetUnit, text: string, spans: readonly LabelledSpan[]): LabelledSpan[] {
  if (unit === "utf16" || !isAstral(text)) return [...spans];
  const points = new Map(codePointOffsets(text).map((offset, point) => [offset, point]));
  const at = (offset: number): number => points.get(offset) ?? points.get(offset + 1) ?? 0;
  return spans.map(({ start, end, label }) => ({ start: at(start), end: at(end), label }));
}

/**
 * Reads a line: `{"text", "spans": [{"start", "end", "label"}]}`, or `{"tokens", "tags"}` with or without the `text` that they are from.
 * @throws GaggleError INVALID_INPUT that says what is wrong and quotes nothing of the line
 */
export function readRow(line: string, unit: OffsetUnit): MarkedText {
  const row = parseJson(line, "The line");
  if (typeof row !== "object" || row === null || Array.isArray(row)) throw bad("The line is no JSON object.");
  if ("spans" in row) return checked(parseAs(spanRow, row, "The line"), unit);
  if ("tokens" in row) return spansOfTags(parseAs(tokenRow, row, "The line"));
  throw bad('The line has neither "spans" nor "tokens".');
}

function checked({ text, spans }: MarkedText, unit: OffsetUnit): MarkedText {
  const placed = unit === "utf16" ? spans : inUtf16(text, spans);
  if (placed.some(({ start, end }) => start >= end || end > text.length)) throw bad("A span is empty or ends behind its text.");
  return { text, spans: placed };
}

/** True where a span begins or ends within a character or a word that it would not cut if its offsets counted code points. */
export function looksLikeCodePoints({ text, spans }: MarkedText): boolean {
  if (!isAstral(text)) return false;
  const cuts = (some: readonly LabelledSpan[]): number => some.filter((one) => cutsWord(text, one)).length;
  return cuts(inUtf16(text, spans)) < cuts(spans);
}

const cutsWord = (text: string, { start, end }: LabelledSpan): boolean =>
  end > text.length ||
  [start, end].some((at) => at > 0 && /^(?:[\p{L}\p{N}]{2}|[\ud800-\udbff][\udc00-\udfff])$/u.test(text.slice(at - 1, at + 1)));
