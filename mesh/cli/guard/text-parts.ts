/** Cuts a text of any length into parts that fit into memory and requests, each with what stands around it. */

/** A part of a text. Parts in order, joined, are the text. */
export interface TextPart {
  /** Place of the part in the whole text, in UTF-16 units. */
  readonly offset: number;
  readonly text: string;
  /** The first line of the text, which may name the columns of a table, and what stands right before the part. Empty at the beginning. */
  readonly before: string;
  /** What stands right after the part. */
  readonly after: string;
}

/** Sizes in UTF-16 units. */
export interface PartSizes {
  /** Longest part. */
  readonly part: number;
  /** How much of the text around a part goes with it; longer than any value that the guard finds. */
  readonly context: number;
}

const DEFAULT_SIZES: PartSizes = { part: 131_072, context: 8_192 };
/** Longest first line that is taken for names of columns. */
const MAX_HEADER = 4_000;

const lastMatch = (text: string, pattern: RegExp): number => {
  let end = 0;
  for (const match of text.matchAll(pattern)) end = match.index + match[0].length;
  return end;
};

/** Where to cut a text of at most this length: behind a line, else a space, else a separator, else anywhere but within a character. */
function cutWithin(text: string, longest: number): number {
  const near = text.slice(0, longest);
  const cut = near.lastIndexOf("\n") + 1 || lastMatch(near, /\s+/g) || lastMatch(near, /[,;|{}[\]"<>]+/g);
  if (cut > 0) return cut;
  return /[\ud800-\udbff]$/.test(near) && longest > 1 ? longest - 1 : longest;
}

/** Whole lines from the end of a text where it has any, at most this many units. */
function lastLines(text: string, longest: number): string {
  const near = text.slice(-longest);
  return near.length < text.length ? near.slice(near.indexOf("\n") + 1) : near;
}

/** What stands before a part: the first line again, where it would not be there otherwise. */
function contextBefore(done: string, header: string, from: number, context: number): string {
  const near = lastLines(done, context);
  const headerIsNear = from - near.length <= 0;
  return headerIsNear || header === "" ? near : `${header}\n${near}`;
}

/** Cuts pieces of a text into parts. */
export async function* textParts(pieces: AsyncIterable<string>, sizes: PartSizes = DEFAULT_SIZES): AsyncGenerator<TextPart> {
  let held = "";
  let done = "";
  let offset = 0;
  let header: string | undefined;
  const next = (length: number): TextPart => {
    const text = held.slice(0, length);
    header ??= headerOf(held);
    const before = contextBefore(done, header, offset, sizes.context);
    const part = { offset, text, before, after: held.slice(length, length + sizes.context) };
    held = held.slice(length);
    done = (done + text).slice(-(sizes.context + MAX_HEADER));
    offset += length;
    return part;
  };
  for await (const piece of pieces) {
    held += piece;
    while (held.length > sizes.part + sizes.context) yield next(cutWithin(held, sizes.part));
  }
  while (held.length > sizes.part) yield next(cutWithin(held, sizes.part));
  if (held !== "") yield next(held.length);
}

/** The first line of a text where it may be a header. */
function headerOf(text: string): string {
  const end = text.indexOf("\n");
  return end < 0 || end > MAX_HEADER ? "" : text.slice(0, end);
}
