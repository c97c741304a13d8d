/** Bounds how often each of many may do something: a bucket of tokens a key, refilled over time. Source: spec M7. */
import type { Clock } from "../contract/ports.ts";

/** How fast a bucket fills and how much it holds. */
export interface BucketConfig {
  readonly perSecond: number;
  readonly burst: number;
  /** Keys that are told apart; beyond them, where no bucket is full, all further ones share one. Default: no bound. */
  readonly maxKept?: number;
}

/** Buckets by key. */
export interface TokenBuckets {
  /** Takes tokens, one where left out. @returns 0, or how many milliseconds to wait until there are as many */
  take(key: string, count?: number): number;
}

/** Buckets that are kept before the full ones are forgotten. */
const MAX_KEPT = 4_096;

/** Stands for all keys beyond the bound. */
const OTHERS = "";

/** Makes full buckets. A clock that is set back costs nobody a token, and one that is set ahead fills no bucket beyond its size. */
export function createTokenBuckets(
  { clock }: { clock: Pick<Clock, "now"> },
  { perSecond, burst, maxKept = Number.POSITIVE_INFINITY }: BucketConfig,
): TokenBuckets {
  const buckets = new Map<string, { tokens: number; at: number }>();

  const refill = (bucket: { tokens: number; at: number }, nowMs: number): void => {
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, nowMs - bucket.at) * perSecond) / 1_000);
    bucket.at = nowMs;
  };

  /** A full bucket says no more than none. */
  const forgetFull = (nowMs: number): void => {
    for (const [key, bucket] of buckets) {
      refill(bucket, nowMs);
      if (bucket.tokens >= burst) buckets.delete(key);
    }
  };

  return {
    take(wanted, count = 1) {
      const now = clock.now();
      if (buckets.size >= Math.min(MAX_KEPT, maxKept) && !buckets.has(wanted)) forgetFull(now);
      const key = buckets.size < maxKept || buckets.has(wanted) ? wanted : OTHERS;
      const bucket = buckets.get(key) ?? { tokens: burst, at: now };
      buckets.set(key, bucket);
      refill(bucket, now);
      if (bucket.tokens < count) return Math.ceil(((count - bucket.tokens) * 1_000) / perSecond);
      bucket.tokens -= count;
      return 0;
    },
  };
}
