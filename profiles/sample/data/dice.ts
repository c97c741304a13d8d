/** Seeded choices for the sample data. */

/** A source of repeatable choices. */
export interface Dice {
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** One of the list. */
  pick<T>(list: readonly T[]): T;
  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean;
  /** A text of `length` decimal digits; the first is not 0. */
  digits(length: number): string;
  /** A shuffled copy. */
  shuffle<T>(list: readonly T[]): T[];
}

/** Creates dice from a seed; the same seed gives the same choices on every machine (mulberry32). */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const int = (min: number, max: number): number => min + Math.floor((next() / 4_294_967_296) * (max - min + 1));
  const pick = <T>(list: readonly T[]): T => {
    const chosen = list[int(0, list.length - 1)];
    if (chosen === undefined) throw new RangeError("there is nothing to pick from");
    return chosen;
  };
  return {
    int,
    pick,
    chance: (percent) => int(1, 100) <= percent,
    digits: (length) => Array.from({ length }, (_, i) => int(i === 0 ? 1 : 0, 9)).join(""),
    shuffle(list) {
      const copy = [...list];
      return list.map(() => copy.splice(int(0, copy.length - 1), 1)).flat();
    },
  };
}
