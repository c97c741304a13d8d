/** Working hours by plain arithmetic; only the wall clock of a time zone is asked of a port. */
import type { WorkingHours } from "../contract/bundle.ts";

/** A wall clock's reading: weekday 1 (Monday) to 7, minutes since midnight. */
export interface WallTime {
  readonly day: number;
  readonly minute: number;
}

/** Wall clocks of time zones. */
export interface Zones {
  /** The wall clock of an IANA time zone at `ms` since the epoch; undefined for a zone that this machine doesn't know. */
  wallTime(ms: number, timeZone: string): WallTime | undefined;
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

/** Whether `nowMs` is within the hours; true where there are none or the zone is unknown. `to` before or at `from` ends on the next day. */
export function isAtWork(hours: WorkingHours | undefined, nowMs: number, zones: Zones): boolean {
  if (hours === undefined) return true;
  const wall = zones.wallTime(nowMs, hours.timeZone);
  if (wall === undefined) return true;
  const from = minutesOf(hours.from);
  const to = minutesOf(hours.to);
  const { day, minute } = wall;
  const yesterday = day === 1 ? 7 : day - 1;
  if (from < to) return hours.days.includes(day) && minute >= from && minute < to;
  return (hours.days.includes(day) && minute >= from) || (hours.days.includes(yesterday) && minute < to);
}
