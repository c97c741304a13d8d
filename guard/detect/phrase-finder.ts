/** Looks up many phrases at once as whole words, without regard to case. Linear in the text, whatever the number of phrases. */

/** A phrase at a place; UTF-16 offsets, end exclusive. */
export interface PhraseSpan<T> {
  readonly start: number;
  readonly end: number;
  readonly phrase: T;
}

/** A growing set of phrases, each with what the caller wants to know of it. */
export interface PhraseFinder<T> {
  /** How many phrases are known. */
  readonly size: number;
  /** Adds a phrase that has a letter or figure; the first one of equal phrases stays. */
  add(phrase: string, payload: T): void;
  /** What was added for this phrase, in any case. */
  get(phrase: string): T | undefined;
  /** The first words of the phrases behind the first `size`, or undefined where one of them may stand anywhere in a word. */
  anchorsSince(size: number): readonly string[] | undefined;
  /** The places of phrases; at one start the longest that `accept` lets pass. */
  find(text: string, accept?: (surface: string, phrase: T) => boolean): PhraseSpan<T>[];
}

const WORD = /[\p{L}\p{N}]+/gu;
const FIRST_WORD = /[\p{L}\p{N}]+/u;
const IS_WORD = /[\p{L}\p{N}]/u;
/** Scripts that put no space between words, so that a phrase has no edges there. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
/** Phrases of such scripts are looked up one by one, so there are only so many of them. */
const MAX_UNSPACED = 2_000;

/** A text in lower case, of the same length: letters whose lower case is longer stay as they are. */
export function foldCase(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  return Array.from(text, (letter) => (letter.toLowerCase().length === letter.length ? letter.toLowerCase() : letter)).join("");
}

/** The words of a phrase, as {@link foldCase} writes them. */
export const wordsOf = (phrase: string): string[] => foldCase(phrase).match(WORD) ?? [];

const splitsWord = (text: string, place: number): boolean =>
  place > 0 && place < text.length && IS_WORD.test(text.charAt(place - 1)) && IS_WORD.test(text.charAt(place));

/** A genitive's or plural's `s` behind a word is no part of it: `Annas Vertrag`. */
const endsWord = (text: string, end: number): boolean => !splitsWord(text, end) || (text.charAt(end) === "s" && !splitsWord(text, end + 1));

/** A word without the `s` of a genitive or plural; empty for another one. */
export const withoutS = (word: string): string => (word.length > 2 && word.endsWith("s") ? word.slice(0, -1) : "");

/** Every place of a phrase, whatever stands beside it. */
function* placesOf(text: string, phrase: string): Generator<number> {
  for (let at = text.indexOf(phrase); at >= 0; at = text.indexOf(phrase, at + phrase.length)) yield at;
}

/** Makes an empty set. */
export function createPhraseFinder<T extends string | true | object>(): PhraseFinder<T> {
  const payloads = new Map<string, T>();
  /** Lengths of the phrases that begin with this word, and how far the word is from their start; longest first. */
  const shapes = new Map<string, { lead: number; length: number }[]>();
  const unspaced = new Map<string, T>();
  /** The first word of each phrase, in the order in which they came. */
  const anchors: string[] = [];
  let lastUnspaced = 0;

  const at = (text: string, folded: string, word: RegExpExecArray, accept: (surface: string, phrase: T) => boolean) => {
    for (const { lead, length } of [...(shapes.get(word[0]) ?? []), ...(shapes.get(withoutS(word[0])) ?? [])]) {
      const start = word.index - lead;
      const end = start + length;
      if (start < 0 || end > text.length || !endsWord(text, end)) continue;
      const phrase = payloads.get(folded.slice(start, end));
      if (phrase !== undefined && accept(text.slice(start, end), phrase)) return { start, end, phrase };
    }
    return undefined;
  };

  return {
    get size() {
      return payloads.size;
    },
    get: (phrase) => payloads.get(foldCase(phrase)),
    anchorsSince: (size) => (size < lastUnspaced ? undefined : anchors.slice(size)),
    add: (phrase, payload) => {
      const folded = foldCase(phrase);
      const first = FIRST_WORD.exec(folded);
      if (first === null || payloads.has(folded)) return;
      payloads.set(folded, payload);
      anchors.push(first[0]);
      if (UNSPACED.test(folded) && unspaced.size < MAX_UNSPACED) {
        unspaced.set(folded, payload);
        lastUnspaced = payloads.size;
      }
      const known = shapes.get(first[0]) ?? [];
      if (known.some(({ lead, length }) => lead === first.index && length === folded.length)) return;
      known.push({ lead: first.index, length: folded.length });
      shapes.set(
        first[0],
        known.sort((a, b) => b.length - a.length),
      );
    },
    find: (text, accept = () => true) => {
      if (payloads.size === 0) return [];
      const folded = foldCase(text);
      const spans = Array.from(folded.matchAll(WORD), (word) => at(text, folded, word, accept)).filter((span) => span !== undefined);
      for (const [phrase, payload] of unspaced)
        for (const start of placesOf(folded, phrase)) spans.push({ start, end: start + phrase.length, phrase: payload });
      return spans;
    },
  };
}
