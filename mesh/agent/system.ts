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

/** The system's randomness. */
export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };

/** A new trace id (W3C Trace Context): 32 hex digits. */
export const newTraceId = (random: Random): string => Buffer.from(random.bytes(16)).toString("hex");
