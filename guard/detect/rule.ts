/** What a detection rule is: where it may begin, a pattern that proposes, and a validator that accepts. */
import type { DataClass } from "../../mesh/contract/data-class.ts";

/** Part of a match that is the value: offsets in UTF-16 units from the start of the match, end exclusive. */
export type Part = readonly [start: number, end: number];

/**
 * Places where a match of a rule can begin. One pass over a text finds the places of all rules, so that another rule costs next to nothing
 * on text that has none of its places. Several kinds add up.
 */
export interface Starts {
  /** At a figure that begins a word or group, with at least so many figures in the run of figures and separators from there. */
  readonly figures?: number;
  /** At a letter that begins a word, with a figure among the next {@link MIXED_REACH} characters. */
  readonly mixed?: true;
  /** At a letter that begins a word, with so many letters (at least, at most), then perhaps a space, full stop or dash, then a figure. */
  readonly letters?: readonly [least: number, most: number];
  /** At a word of up to four hexadecimal figures before a colon, of two before a dash, of four before a full stop. */
  readonly hex?: true;
  /** At one of these texts (ASCII, case counts); a text that begins with a letter or figure counts only where a word begins. */
  readonly texts?: readonly string[];
}

/** How far behind its first letter a mixed word has a figure, in characters. */
export const MIXED_REACH = 10;

/** How far before a value its lead may begin, in characters. */
export const LEAD_REACH = 160;

/** One rule. Patterns are global, and the work at any one start is bounded, so that a pass is linear in the text. */
export interface Rule {
  readonly label: DataClass;
  /** Name of the rule in results, for example `rule:iban`. */
  readonly detector: string;
  /** How certain a hit is, 0 to 1; decides the label where hits overlap. */
  readonly score: number;
  readonly pattern: RegExp;
  /** Where the pattern is tried; everywhere where this is missing. */
  readonly starts?: Starts;
  /** Returns the part of the match that is the value, or undefined to reject it. */
  readonly accept: (match: RegExpExecArray) => Part | undefined;
  /** Words of which one must stand before the value or name its field or column; without it the value needs no context. */
  readonly context?: RegExp;
  /**
   * What may stand in place of such a word: tried on the {@link LEAD_REACH} characters before the value as they are, in lower case, over lines
   * and clauses. It ends with `$`, or says how near its words must be.
   */
  readonly lead?: RegExp;
  /** Set where, in place of such a word, other data of a person close by on the same line will do: a row without its header. */
  readonly besideOthers?: true;
}

/** The whole match as the value. */
export const whole = (match: RegExpExecArray): Part => [0, match[0].length];

/** Accepts the whole match where `valid` holds for it without separators, in upper case. */
export const wholeIf =
  (valid: (compact: string) => boolean) =>
  (match: RegExpExecArray): Part | undefined =>
    valid(compact(match[0])) ? whole(match) : undefined;

/** A value's letters and digits alone, in upper case. */
export const compact = (value: string): string => value.replace(/[^\p{L}\p{N}]/gu, "").toUpperCase();

/** Source of a look-behind: the value doesn't start inside a word, a dashed id or behind a decimal point. */
export const STARTS = String.raw`(?<![\p{L}\p{N}_]|[\p{L}\p{N}_]-|\d\.)`;
/** Source of a look-ahead: the value doesn't end inside a word, a dashed id or before decimals (`.0` alone is no decimal). */
export const ENDS = String.raw`(?![\p{L}\p{N}_]|-[\p{L}\p{N}]|\.0{0,20}[1-9])`;
/** Source of a look-ahead for numbers that their check digits and groups make certain: only a word or another group may not follow. */
export const ENDS_NUMBER = String.raw`(?![\p{L}\p{N}_]|-\d|\.0{0,20}[1-9])`;
/** Source of a look-behind to go with it. */
export const STARTS_NUMBER = String.raw`(?<![\p{L}\p{N}_]|\d[-.])`;
/** Source of what may part the groups of a number: a space, full stop or dash, or a line's end with an indent or a quote's mark. */
export const GAP = String.raw`(?:[ .-]|[ -]?\r?\n[ \t>]{0,4})?`;
