/** The real clock and the real randomness; everything else of Gaggle gets them as deps. */
import { randomBytes } from "node:crypto";
import type { Clock, Random } from "../contract/ports.ts";

/** The system's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * The system's clock for a command that waits for a person: its timers keep the process alive. Those of a daemon don't, since its sockets do and it has to
 * end when they close; a command that waits by them alone would end in the middle, with status 13.
 */
export const commandClock: Clock = {
  now: systemClock.now,
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/** Bytes drawn from the system at once for ids, and the longest piece that is cut from them: longer ones are keys and are never kept. */
const POOL_BYTES = 4_096;
const MAX_POOLED_BYTES = 16;

/** Randomness that draws small pieces from the system many at a time, since every message and audit event needs some; each byte is given once. */
function createSystemRandom(): Random {
  let pool = Buffer.alloc(0);
  let used = 0;
  return {
    bytes(length) {
      if (length > MAX_POOLED_BYTES) return new Uint8Array(randomBytes(length));
      if (used + length > pool.length) {
        pool = randomBytes(POOL_BYTES);
        used = 0;
      }
      const piece = new Uint8Array(pool.subarray(used, used + length));
      pool.fill(0, used, used + length);
      used += length;
      return piece;
    },
  };
}

/** The system's randomness. */
export const systemRandom: Random = createSystemRandom();

/** A new trace id (W3C Trace Context): 32 hex digits. */
export const newTraceId = (random: Random): string => Buffer.from(random.bytes(16)).toString("hex");
