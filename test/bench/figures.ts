/** Medians of durations that were measured side by side. */

/** Median, 95th percentile and count of some durations in milliseconds. */
export interface Figures {
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
}

/** One thing to measure: does it once and tells the milliseconds of each part by name. */
export type Measured = () => Promise<Readonly<Record<string, number>>>;

/** Sums up durations. @param durations milliseconds, at least one */
export function figuresOf(durations: readonly number[]): Figures {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), count: sorted.length };
}

/** Measures the whole of `work` under one name. */
export const timed =
  (name: string, work: () => Promise<unknown>): Measured =>
  async () => {
    const startedAt = performance.now();
    await work();
    return { [name]: performance.now() - startedAt };
  };

/** How many times the median of `name` is that of `base`. */
export function ratioOf(figures: Readonly<Record<string, Figures>>, name: string, base: string): number {
  return (figures[name]?.p50 ?? Number.NaN) / (figures[base]?.p50 ?? Number.NaN);
}

/**
 * Measures several things in turn, once each per round, so that whatever else the machine does hits all alike; every other round the other way
 * round, because the tail of one (window updates, write-back) falls into the next.
 * @param count `warmUp` rounds are done first and not counted
 */
export async function inTurn(things: readonly Measured[], count: { rounds: number; warmUp: number }): Promise<Record<string, Figures>> {
  const durations = new Map<string, number[]>();
  for (let round = -count.warmUp; round < count.rounds; round++) {
    for (const measure of round % 2 === 0 ? things : things.toReversed()) {
      for (const [name, ms] of Object.entries(await measure())) {
        if (round < 0) continue;
        const taken = durations.get(name) ?? [];
        taken.push(ms);
        durations.set(name, taken);
      }
    }
  }
  return Object.fromEntries([...durations].map(([name, taken]) => [name, figuresOf(taken)]));
}
