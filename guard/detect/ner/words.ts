/**
 * Words of a text and their shapes: as BERT cuts them, with the places that they stand at. `guard/model/training/words.py` is the same cut, so
 * that training and use see the same input.
 */

const CJK = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}`;
const PUNCTUATION = String.raw`\p{P}$+<=>^\x60|~`;
const WORD = new RegExp(`[${CJK}]|[${PUNCTUATION}]|[^\\s${CJK}${PUNCTUATION}]+`, "gu");

/** What a word looks like; the numbers are the model's input `shape_ids`. */
export const SHAPE = { special: 0, lower: 1, title: 2, upper: 3, mixed: 4, digit: 5, punctuation: 6, other: 7 } as const;

/** The words of a text by number: where each begins and ends (UTF-16, end exclusive) and its shape. */
export interface Words {
  readonly count: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly shapes: Uint8Array;
}

/** Number of the shape of a word. A single upper-case letter is `title`, as an initial is. */
export function shapeOf(word: string): number {
  if (/^[a-z]+$/.test(word)) return SHAPE.lower;
  if (/\p{Nd}/u.test(word)) return SHAPE.digit;
  if (!/\p{L}/u.test(word)) return SHAPE.punctuation;
  const upper = word.match(/\p{Lu}/gu)?.length ?? 0;
  const lower = word.match(/\p{Ll}/gu)?.length ?? 0;
  if (upper === 0) return lower === 0 ? SHAPE.other : SHAPE.lower;
  if (upper === 1 && /^\p{Lu}/u.test(word)) return SHAPE.title;
  return lower === 0 ? SHAPE.upper : SHAPE.mixed;
}

/** Cuts a text into words. */
export function wordsOf(text: string): Words {
  const starts: number[] = [];
  const ends: number[] = [];
  const shapes: number[] = [];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    starts.push(index);
    ends.push(index + word.length);
    shapes.push(shapeOf(word.length > MAX_SHAPED ? word.slice(0, MAX_SHAPED) : word));
  }
  return { count: starts.length, starts: Int32Array.from(starts), ends: Int32Array.from(ends), shapes: Uint8Array.from(shapes) };
}

/** Longer words are no names; their beginning says enough. */
const MAX_SHAPED = 200;
