/** The machine's clock and randomness, for tests on real parts. */
import { randomBytes } from "node:crypto";
import type { Clock, Random } from "../../mesh/contract/ports.ts";

/** Real time; timers don't keep the process alive. `offsetMs` makes a clock that is wrong. */
export const createRealClock = (offsetMs = 0): Clock => ({
  now: () => Date.now() + offsetMs,
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
});

/** Real randomness. */
export const realRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
