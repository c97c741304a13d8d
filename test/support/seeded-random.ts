/** Repeatable randomness: the same seed gives the same bytes (mulberry32). */
import type { Random } from "../../mesh/contract/ports.ts";

/** A random source that also gives numbers, for simulations. */
export interface SeededRandom extends Random {
  /** A number from 0 to below 1. */
  next(): number;
}

/** Makes the source of a seed. */
export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)) };
}
