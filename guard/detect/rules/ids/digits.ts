/** Small readings of a number's digits that the kinds of ids share. */
import { isShortDay, weighted } from "../../checksums.ts";

/** Part of an id. */
export const at = (id: string, from: number, to?: number): string => id.slice(from, to);

/** One digit of an id as a number. */
export const digit = (id: string, index: number): number => Number(id.charAt(index));

/** True where the id begins with day, month and two figures of the year. */
export const beginsDayMonthYear = (id: string): boolean => isShortDay(at(id, 4, 6), at(id, 2, 4), at(id, 0, 2));

/** True where the id begins with two figures of the year, month and day. */
export const beginsYearMonthDay = (id: string): boolean => isShortDay(at(id, 0, 2), at(id, 2, 4), at(id, 4, 6));

/** Digits times weights, modulo 11, taken from 11: 11 where nothing is left over. */
export const elevenLess = (id: string, weights: readonly number[]): number => 11 - (weighted(id, weights) % 11);

/** Value of a figure (0 to 9) or letter (A is 10). */
export const base36 = (character: string): number => Number.parseInt(character, 36);
