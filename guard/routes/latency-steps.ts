/** Counts of times in steps, so that percentiles of months need a few numbers only. */

/** Upper bound of each step, in milliseconds; a last step holds what is longer. */
const BOUNDS_MS = [1, 2, 3, 5, 8, 12, 20, 30, 45, 70, 110, 170, 250, 400, 600, 1_000, 2_000, 5_000, 10_000] as const;
const LONGER_MS = 60_000;

/** How many times fell into each step. */
export type LatencySteps = readonly number[];

/** No time at all. */
export const NO_TIMES: LatencySteps = BOUNDS_MS.map(() => 0).concat(0);

/** The steps with one more time. */
export function addTime(steps: LatencySteps, ms: number): LatencySteps {
  const found = BOUNDS_MS.findIndex((bound) => ms <= bound);
  const step = found < 0 ? BOUNDS_MS.length : found;
  return steps.map((count, i) => (i === step ? count + 1 : count));
}

/** Both together. */
export const addSteps = (a: LatencySteps, b: LatencySteps): LatencySteps => a.map((count, i) => count + (b[i] ?? 0));

/** Number of times, and the upper bounds of the steps that hold the median and the 95th percentile; 0 where there are none. */
export function percentiles(steps: LatencySteps): { samples: number; p50: number; p95: number } {
  const samples = steps.reduce((sum, count) => sum + count, 0);
  const boundAt = (share: number): number => {
    const upTo = steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, count) => sum + count, 0));
    const step = upTo.findIndex((count) => count >= Math.max(1, Math.ceil(samples * share)));
    return samples === 0 ? 0 : (BOUNDS_MS[step] ?? LONGER_MS);
  };
  return { samples, p50: boundAt(0.5), p95: boundAt(0.95) };
}
