/** The words of a text as a sorted set of 32-bit numbers: tells quickly that a known value can't be in it. */
import { foldCase, withoutS } from "./phrase-finder.ts";

const WORD = /[\p{L}\p{N}]+/gu;

/** FNV-1a over UTF-16 units. */
export function wordHash(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i += 1) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The hashes of a text's words in lower case, ascending, each once; of a word with a genitive's `s` also without it. */
export function wordHashes(text: string): Uint32Array {
  const words = new Set<number>();
  for (const [word] of foldCase(text).matchAll(WORD)) {
    words.add(wordHash(word));
    if (withoutS(word) !== "") words.add(wordHash(withoutS(word)));
  }
  return Uint32Array.from(words).sort();
}

/** Whether sorted hashes have this one. */
export function hasWord(words: Uint32Array, hash: number): boolean {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((words[middle] ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  return words[low] === hash;
}
