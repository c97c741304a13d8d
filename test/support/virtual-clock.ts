/** A virtual clock: time moves only when a test says so, and timers fire in order of their due time. */
import type { Clock } from "../../mesh/contract/ports.ts";

/** The clock, and the hand that moves it. */
export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, firing what falls due; lets promises settle between timers. */
  advance(ms: number): Promise<void>;
  /** Sets the time without firing anything, as a corrected wall clock does. */
  jump(ms: number): void;
  /** Timers that have not fired. */
  pending(): number;
}

/** Lets every promise chain that is ready run to its end. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes a clock that stands at `startMs`. */
export function createVirtualClock(startMs = Date.UTC(2026, 9, 31, 8)): VirtualClock {
  let now = startMs;
  let order = 0;
  let timers: { at: number; order: number; fn: () => void }[] = [];
  const nextDue = (until: number) => timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];

  return {
    now: () => now,
    after(ms, fn) {
      const timer = { at: now + ms, order: order++, fn };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let due = nextDue(until); due !== undefined; due = nextDue(until)) {
        const fired = due;
        timers = timers.filter((other) => other !== fired);
        now = Math.max(now, fired.at);
        fired.fn();
        await settle();
      }
      now = until;
    },
    jump(ms) {
      now += ms;
    },
    pending: () => timers.length,
  };
}
