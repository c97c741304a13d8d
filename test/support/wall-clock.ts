/** A clock for tests on real parts: real timers, and a time of day that the test may shift. */
import type { Clock } from "../../mesh/contract/ports.ts";

/** The clock and its hand. */
export interface WallClock extends Clock {
  /** Shifts the time of day; timers that run already don't notice. */
  shift(ms: number): void;
}

/** A wall clock that begins at the real time. */
export function createWallClock(): WallClock {
  let offset = 0;
  return {
    now: () => Date.now() + offset,
    after(ms, fn) {
      const timer = setTimeout(fn, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    shift(ms) {
      offset += ms;
    },
  };
}
