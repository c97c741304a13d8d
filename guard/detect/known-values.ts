/** Values that were found once, looked up wherever else they stand. Linear in the text, whatever the number of values. */
import type { DataClass } from "../../mesh/contract/data-class.ts";

const MIN_LENGTH = 5;
/** Longer values are found by their own rule, wherever they stand. */
const MAX_LENGTH = 64;

/** A known value at a place. */
export interface KnownSpan {
  readonly start: number;
  readonly end: number;
  readonly label: DataClass;
}

/** A growing set of values. */
export interface KnownValues {
  /** How many values are known. */
  readonly size: number;
  /** Remembers a value; short and very long ones are left to the rules. */
  add(value: string, label: DataClass): void;
  /** The places where a known value stands as a whole word, longest first where they overlap. */
  find(text: string): KnownSpan[];
}

const WORD = /[\p{L}\p{N}]+/gu;
const isWord = (character: string): boolean => /[\p{L}\p{N}]/u.test(character);

/** Makes an empty set. Values are compared without regard to case. */
export function createKnownValues(): KnownValues {
  const labels = new Map<string, DataClass>();
  /** Lengths of the values that begin with this word, and how far the word is from their start. */
  const shapes = new Map<string, Map<string, { lead: number; length: number }>>();

  const at = (text: string, word: RegExpExecArray): KnownSpan | undefined => {
    let best: KnownSpan | undefined;
    for (const { lead, length } of shapes.get(word[0].toLowerCase())?.values() ?? []) {
      const start = word.index - lead;
      const end = start + length;
      if (start < 0 || end > text.length || (best !== undefined && end <= best.end)) continue;
      if (isWord(text.charAt(end)) && isWord(text.charAt(end - 1))) continue;
      const label = labels.get(text.slice(start, end).toLowerCase());
      if (label !== undefined) best = { start, end, label };
    }
    return best;
  };

  return {
    get size() {
      return labels.size;
    },
    add: (value, label) => {
      if (value.length < MIN_LENGTH || value.length > MAX_LENGTH) return;
      const lower = value.toLowerCase();
      const first = /[\p{L}\p{N}]+/u.exec(lower);
      // Lower case may change the length of rare letters; such a value can't be looked up by length.
      if (first === null || lower.length !== value.length || labels.has(lower)) return;
      labels.set(lower, label);
      const lengths = shapes.get(first[0]) ?? new Map<string, { lead: number; length: number }>();
      shapes.set(first[0], lengths.set(`${first.index}:${value.length}`, { lead: first.index, length: value.length }));
    },
    find: (text) => {
      if (labels.size === 0) return [];
      return Array.from(text.matchAll(WORD), (word) => at(text, word)).filter((span) => span !== undefined);
    },
  };
}
