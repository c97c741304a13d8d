/**
 * Values that were found once, looked up wherever else they stand: as they are in any case, and a person's also by first or last name alone.
 * Linear in the text, whatever the number of values.
 */
import type { DataClass } from "../../mesh/contract/data-class.ts";
import { EVERYDAY_NAMES, NAME_PARTICLES } from "./common-words.ts";
import { createPhraseFinder, foldCase } from "./phrase-finder.ts";

/** Shorter values of classes without names stand in texts by chance. */
const MIN_LENGTH = 5;
/** Longer values are found by their own rule, wherever they stand. */
const MAX_LENGTH = 64;
/** Shorter words of a name count only where they are written like one. */
const MIN_LOWER_CASE = 4;

const NAMES: ReadonlySet<DataClass> = new Set(["PERSON", "ORG", "LOCATION", "ADDRESS"]);

/** A known value at a place. */
export interface KnownSpan {
  readonly start: number;
  readonly end: number;
  readonly label: DataClass;
  /** Set where it is a part of a person's name, standing alone. */
  readonly part?: true;
}

/** A growing set of values. */
export interface KnownValues {
  /** How many values are known. */
  readonly size: number;
  /** Remembers a value, and of a person's name its parts; what is short or very long is left to the rules. */
  add(value: string, label: DataClass): void;
  /** The places where a known value stands as a whole word, longest first where they overlap. */
  find(text: string): KnownSpan[];
  /** The words that what came behind the first `size` begins with, in lower case; undefined where it may stand anywhere. */
  anchorsSince(size: number): readonly string[] | undefined;
}

interface Known {
  readonly label: DataClass;
  readonly part: boolean;
  /** Only where the first letter is a capital. */
  readonly capital: boolean;
}

const WORD_OF_NAME = /[\p{L}\p{M}\p{N}'’-]+/gu;

/** The words of a person's name that name the person by themselves: no titles, particles, initials. */
export const nameParts = (name: string): string[] => {
  const words = Array.from(name.replace(/['’]s\b/gu, "").matchAll(WORD_OF_NAME), ([word]) => word.replace(/^['’-]+|['’-]+$/gu, ""));
  return words.length < 2 ? [] : words.filter((word) => /\p{L}.*\p{L}/u.test(word) && !NAME_PARTICLES.has(foldCase(word)));
};

/** A person's name as lists write it: `Okafor Dana` and `Okafor, Dana` for `Dana Okafor`. */
export const otherOrders = (name: string): string[] => {
  const words = name.split(" ");
  const last = words.at(-1) ?? "";
  if (words.length < 2 || words.length > 3 || name.includes(",") || !words.every((word) => /^\p{L}[\p{L}\p{M}'’-]+$/u.test(word)))
    return [];
  const first = words.slice(0, -1).join(" ");
  return [`${last} ${first}`, `${last}, ${first}`];
};

const hasCase = (word: string): boolean => word.toLowerCase() !== word.toUpperCase();

/** A single word that is an everyday word, or so short that it may be one. Of organisations and places any single word may be. */
const needsCapital = (value: string, label: DataClass): boolean =>
  hasCase(value) &&
  !/\s/u.test(value) &&
  (label !== "PERSON" || value.length < MIN_LOWER_CASE || EVERYDAY_NAMES.has(foldCase(value)) || NAME_PARTICLES.has(foldCase(value)));

const startsWithCapital = (surface: string): boolean => /^[^\p{L}]*\p{Lu}/u.test(surface);

/** Makes an empty set. Values are compared without regard to case. */
export function createKnownValues(): KnownValues {
  const finder = createPhraseFinder<Known>();
  const remember = (value: string, label: DataClass, part: boolean): void =>
    finder.add(value, { label, part, capital: NAMES.has(label) && needsCapital(value, label) });
  return {
    get size() {
      return finder.size;
    },
    add: (value, label) => {
      if (value.length < (NAMES.has(label) ? 2 : MIN_LENGTH) || value.length > MAX_LENGTH) return;
      remember(value, label, false);
      if (label !== "PERSON") return;
      for (const order of otherOrders(value)) remember(order, label, false);
      for (const part of nameParts(value)) remember(part, label, true);
    },
    anchorsSince: (size) => finder.anchorsSince(size),
    find: (text) =>
      finder
        .find(text, (surface, { capital }) => !capital || startsWithCapital(surface))
        .map(({ start, end, phrase }) => ({ start, end, label: phrase.label, ...(phrase.part ? { part: true as const } : {}) })),
  };
}
