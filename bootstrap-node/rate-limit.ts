/** How many requests one source may send without having proven anything. */
import { GaggleError } from "../mesh/contract/errors.ts";
import type { Clock } from "../mesh/contract/ports.ts";

const WINDOW_MS = 60_000;
/** Sources that are counted at once; beyond them all new ones share one count, so that memory stays bounded. */
const MAX_SOURCES = 10_000;

/** Counts requests by source. */
export interface RateLimit {
  /** @throws GaggleError BUSY where the source has sent too many in this minute */
  take(source: string): void;
}

/** At most `perMinute` requests from each source in each minute. */
export function createRateLimit(deps: { clock: Clock }, config: { perMinute: number }): RateLimit {
  let windowStart = Number.NEGATIVE_INFINITY;
  let counts = new Map<string, number>();
  return {
    take(source) {
      const now = deps.clock.now();
      if (now - windowStart >= WINDOW_MS || now < windowStart) {
        windowStart = now;
        counts = new Map();
      }
      const key = counts.has(source) || counts.size < MAX_SOURCES ? source : "others";
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count > config.perMinute) {
        throw new GaggleError("BUSY", "Too many requests came from this address; wait a minute and try again.", {
          details: { retryAfterSeconds: 60 },
        });
      }
    },
  };
}
