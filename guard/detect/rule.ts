/** What a detection rule is: a pattern that proposes, and a validator that accepts. */
import type { DataClass } from "../../mesh/contract/data-class.ts";

/** Part of a match that is the value: offsets in UTF-16 units from the start of the match, end exclusive. */
export type Part = readonly [start: number, end: number];

/** One rule. Patterns are global, and the work at any one start is bounded, so that a pass is linear in the text. */
export interface Rule {
  readonly label: DataClass;
  /** Name of the rule in results, for example `rule:iban`. */
  readonly detector: string;
  /** How certain a hit is, 0 to 1; decides the label where hits overlap. */
  readonly score: number;
  readonly pattern: RegExp;
  /** Returns the part of the match that is the value, or undefined to reject it. */
  readonly accept: (match: RegExpExecArray) => Part | undefined;
  /** Words of which one must stand before the value or name its field or column; without it the value needs no context. */
  readonly context?: RegExp;
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
