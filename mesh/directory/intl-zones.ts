/** Wall clocks of time zones by Intl (ECMA-402), that is by the machine's own tables. */
import type { WallTime, Zones } from "./working-hours.ts";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/** Formatters are slow to make; a company has few zones. */
const MAX_ZONES = 100;

const formatterOf = (timeZone: string): Intl.DateTimeFormat | undefined => {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  } catch {
    // A zone that this machine's tables don't have.
    return undefined;
  }
};

/** Makes them. */
export function createIntlZones(): Zones {
  const formatters = new Map<string, Intl.DateTimeFormat | undefined>();
  const of = (timeZone: string): Intl.DateTimeFormat | undefined => {
    if (formatters.size >= MAX_ZONES) formatters.clear();
    if (!formatters.has(timeZone)) formatters.set(timeZone, formatterOf(timeZone));
    return formatters.get(timeZone);
  };
  return {
    wallTime(ms, timeZone): WallTime | undefined {
      const parts = of(timeZone)?.formatToParts(ms);
      if (parts === undefined) return undefined;
      const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? "";
      return { day: DAYS.indexOf(part("weekday")) + 1, minute: Number(part("hour")) * 60 + Number(part("minute")) };
    },
  };
}
