/** Finds, in one pass over a text, the places where rules can begin. */
import { MIXED_REACH, type Starts } from "./rule.ts";

/** Places in a text, in order. `counts[i]` is how many figures the run at `figures[i]` has, up to {@link MOST_FIGURES}. */
export interface Places {
  readonly figures: readonly number[];
  readonly counts: readonly number[];
  readonly mixed: readonly number[];
  /** By the number of letters that stand before the figure. */
  readonly letters: readonly (readonly number[])[];
  readonly hex: readonly number[];
  readonly texts: ReadonlyMap<string, readonly number[]>;
}

/** No rule asks for more figures. */
const MOST_FIGURES = 16;
/** Separators between two figures of a run; a line's end with an indent or a quote's mark is the longest. */
const MOST_SEPARATORS = 8;

/** Signs that may part a number's letters from its figures. */
const GAP = " .-";

const FIGURE = 1;
const LETTER = 2;
const SEPARATOR = 4;
const HEX = 8;

/** Kinds of the ASCII characters, as bits. */
const KINDS = new Uint8Array(128).map((_, code) => {
  const character = String.fromCharCode(code);
  return (
    (/\d/.test(character) ? FIGURE : 0) |
    (/[A-Za-z_]/.test(character) ? LETTER : 0) |
    (/[\s.,()/+>:-]/.test(character) ? SEPARATOR : 0) |
    (/[\dA-Fa-f]/.test(character) ? HEX : 0)
  );
});

const kindAt = (text: string, place: number): number => KINDS[text.charCodeAt(place)] ?? 0;

/** How many figures stand from here on, parted by separators only. */
function figuresFrom(text: string, place: number): number {
  let count = 0;
  let gap = 0;
  for (let i = place; i < text.length && count < MOST_FIGURES && gap <= MOST_SEPARATORS; i += 1) {
    const kind = kindAt(text, i);
    if ((kind & FIGURE) !== 0) {
      count += 1;
      gap = 0;
    } else if ((kind & SEPARATOR) === 0) break;
    else gap += 1;
  }
  return count;
}

/** True where the word has the length and the sign behind it that groups of a hardware or IPv6 address have. */
function beginsHex(text: string, place: number): boolean {
  let end = place;
  while (end - place < 5 && (kindAt(text, end) & HEX) !== 0) end += 1;
  const length = end - place;
  const sign = text.charCodeAt(end);
  return (sign === 58 && length >= 1 && length <= 4) || (sign === 45 && length === 2) || (sign === 46 && length === 4);
}

/** How many letters stand here before a figure, or 0 where something else follows them. */
function lettersAt(text: string, place: number): number {
  let end = place;
  while (end - place < MIXED_REACH && (kindAt(text, end) & LETTER) !== 0) end += 1;
  const parted = GAP.includes(text.charAt(end)) ? end + 1 : end;
  return (kindAt(text, parted) & FIGURE) !== 0 ? end - place : 0;
}

/** Texts by the code of their first character. */
function byFirst(texts: readonly string[]): string[][] {
  const table: string[][] = Array.from({ length: 128 }, () => []);
  for (const text of texts) table[text.charCodeAt(0)]?.push(text);
  return table;
}

/**
 * Makes the search for the places of these rules. Linear in the text: the work at one place is bounded.
 * @param starts what the rules begin with
 */
export function createPlaces(starts: readonly Starts[]): (text: string) => Places {
  const table = byFirst([...new Set(starts.flatMap(({ texts = [] }) => texts))]);
  return (text) => {
    const figures: number[] = [];
    const counts: number[] = [];
    const mixed: number[] = [];
    const letters: number[][] = Array.from({ length: MIXED_REACH + 1 }, () => []);
    const hex: number[] = [];
    const texts = new Map<string, number[]>();
    /** The next figure at or behind the place that was last asked for. */
    let figure = -1;
    let inWord = false;
    for (let place = 0; place < text.length; place += 1) {
      const code = text.charCodeAt(place);
      const kind = KINDS[code] ?? 0;
      const wordly = (kind & (FIGURE | LETTER)) !== 0;
      if (wordly && inWord) continue;
      inWord = wordly;
      for (const start of table[code] ?? []) {
        if (!text.startsWith(start, place)) continue;
        const held = texts.get(start);
        if (held === undefined) texts.set(start, [place]);
        else held.push(place);
      }
      if (!wordly) continue;
      if ((kind & FIGURE) !== 0) {
        figures.push(place);
        counts.push(figuresFrom(text, place));
      } else {
        if (figure < place) {
          figure = place;
          while (figure < text.length && (kindAt(text, figure) & FIGURE) === 0) figure += 1;
        }
        if (figure - place <= MIXED_REACH && figure < text.length) {
          mixed.push(place);
          letters[lettersAt(text, place)]?.push(place);
        }
      }
      if ((kind & HEX) !== 0 && beginsHex(text, place)) hex.push(place);
    }
    return { figures, counts, mixed, letters, hex, texts };
  };
}

const NONE: readonly number[] = [];

/** The places of one rule, in order, none twice. */
export function placesOf({ figures, mixed, letters, hex, texts = [] }: Starts, places: Places): readonly number[] {
  const lists: (readonly number[])[] = texts.flatMap((text) => {
    const list = places.texts.get(text);
    return list === undefined ? [] : [list];
  });
  if (figures !== undefined)
    lists.push(figures <= 1 ? places.figures : places.figures.filter((_, i) => (places.counts[i] ?? 0) >= figures));
  if (mixed !== undefined) lists.push(places.mixed);
  if (letters !== undefined) lists.push(...places.letters.slice(letters[0], letters[1] + 1).filter((list) => list.length > 0));
  if (hex !== undefined) lists.push(places.hex);
  if (lists.length < 2) return lists[0] ?? NONE;
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}
