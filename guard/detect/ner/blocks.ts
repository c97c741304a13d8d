/**
 * Cuts a text's words into blocks, each of lines or sentences that fit into one window of the model; a sentence that fits into none is a block of
 * several windows. Where a block ends depends on the text before it in the paragraph alone, so that a long text with a new end has its old blocks.
 */
import { SHAPE, type Words } from "./words.ts";

/** Words `from` to `to` (exclusive) by number, tokens without the special ones. */
export interface Block {
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
}

/** From this part of a window on, a paragraph's end or a line that its content picks out ends the block. */
const ENOUGH = 3 / 8;
/** One line of so many, picked by its content, ends a block: behind a change in the middle of a text the blocks are soon the same as before. */
const LINES_TO_MEET = 16;

const STOPS = ".!?\u2026";
/** Stops of scripts that put no space behind them. */
const WIDE_STOPS = "\u3002\uff01\uff1f";
/** After a shorter word a point may be an abbreviation's. */
const LONGEST_ABBREVIATION = 3;

/** How firmly the text is parted behind a word: 0 not, 1 sentence, 2 line, 3 paragraph. */
function gapBehind(text: string, words: Words, word: number): number {
  const end = words.ends[word] ?? 0;
  const gap = text.slice(end, Math.min(words.starts[word + 1] ?? text.length, end + 64));
  const newline = gap.indexOf("\n");
  if (newline >= 0) return gap.includes("\n", newline + 1) ? 3 : 2;
  if (words.shapes[word] !== SHAPE.punctuation) return 0;
  const last = text.charAt(end - 1);
  if (WIDE_STOPS.includes(last)) return 1;
  const before = word === 0 ? 0 : (words.ends[word - 1] ?? 0) - (words.starts[word - 1] ?? 0);
  return gap !== "" && STOPS.includes(last) && before > LONGEST_ABBREVIATION ? 1 : 0;
}

/** A number that the content of a line gives. */
function lineHash(text: string, from: number, to: number): number {
  let hash = 0;
  for (let i = from; i < to; i += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash >>> 0;
}

/**
 * Cuts the words of a text.
 * @param sizes tokens of each word
 * @param capacity tokens that a window has for words
 */
export function blocksOf(text: string, words: Words, sizes: ArrayLike<number>, capacity: number): Block[] {
  const blocks: Block[] = [];
  let open: Block = { from: 0, to: 0, tokens: 0 };
  let lineFrom = 0;
  const close = (): void => {
    if (open.to > open.from) blocks.push(open);
    open = { from: open.to, to: open.to, tokens: 0 };
  };
  let from = 0;
  let tokens = 0;
  for (let word = 0; word < words.count; word += 1) {
    tokens += sizes[word] ?? 0;
    const last = word + 1 === words.count;
    const gap = last ? 3 : gapBehind(text, words, word);
    if (gap === 0) continue;
    if (open.tokens + tokens > capacity) close();
    open = { from: open.to > open.from ? open.from : from, to: word + 1, tokens: open.tokens + tokens };
    from = word + 1;
    tokens = 0;
    const meets = gap === 2 && lineHash(text, words.starts[lineFrom] ?? 0, words.ends[word] ?? 0) % LINES_TO_MEET === 0;
    if (gap >= 2) lineFrom = word + 1;
    if (open.tokens > capacity || ((gap === 3 || meets) && open.tokens >= capacity * ENOUGH)) close();
  }
  close();
  return blocks;
}
