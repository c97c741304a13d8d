/** Cuts a block of words into windows of the model. A block that fits is one window; a longer one is covered by windows that overlap. */
import type { Block } from "./blocks.ts";

/** Words `from` to `to` go through the model together; the answer counts for `keepFrom` to `keepTo`. All exclusive at the end. */
export interface Window {
  readonly from: number;
  readonly to: number;
  readonly keepFrom: number;
  readonly keepTo: number;
  readonly tokens: number;
}

/** Tokens that two windows of a long block share; each answers for its half of them, far from its edge. */
const OVERLAP = 32;

/** The windows of a block; together they answer for each word of it once, in order. */
export function windowsOf(block: Block, sizes: ArrayLike<number>, capacity: number): Window[] {
  if (block.tokens <= capacity) return [{ ...block, keepFrom: block.from, keepTo: block.to }];
  const windows: Window[] = [];
  let keepFrom = block.from;
  for (let from = block.from; keepFrom < block.to; ) {
    let to = from;
    let tokens = 0;
    while (to < block.to && tokens + (sizes[to] ?? 0) <= capacity) {
      tokens += sizes[to] ?? 0;
      to += 1;
    }
    const last = to === block.to;
    const overlap = Math.min(OVERLAP, capacity / 4);
    const keepTo = last ? to : Math.min(to, Math.max(keepFrom + 1, backBy(sizes, to, overlap / 2, from + 1)));
    windows.push({ from, to, keepFrom, keepTo, tokens });
    from = Math.min(keepTo, backBy(sizes, to, overlap, from + 1));
    keepFrom = keepTo;
  }
  return windows;
}

/** The word that lies about so many tokens before `to`, but not before `floor`. */
function backBy(sizes: ArrayLike<number>, to: number, tokens: number, floor: number): number {
  let word = to;
  for (let left = tokens; word > floor && left > 0; ) {
    word -= 1;
    left -= sizes[word] ?? 0;
  }
  return word;
}
