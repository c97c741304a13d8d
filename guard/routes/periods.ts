/** Days and months of UTC, in which usage is summed up. */

/** The time over which a budget runs. */
export type Period = "day" | "month";

/** Name of the period that a time is in: `YYYY-MM-DD` or `YYYY-MM`. */
export const periodOf = (period: Period, nowMs: number): string => new Date(nowMs).toISOString().slice(0, period === "day" ? 10 : 7);

/** When the period that a time is in ends, in milliseconds since the epoch. */
export function periodEnd(period: Period, nowMs: number): number {
  const now = new Date(nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  return period === "day" ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1);
}
