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

/** The same without a turn of the event loop: quicker, and enough where nothing real is waited for. */
export const settleMicrotasks = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

interface Timer {
  readonly at: number;
  readonly fn: () => void;
  cancelled: boolean;
}

/** Puts a timer behind those that fire before it or at the same time. */
function insert(timers: Timer[], timer: Timer): void {
  let [low, high] = [0, timers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timers[middle]?.at ?? 0) <= timer.at) low = middle + 1;
    else high = middle;
  }
  timers.splice(low, 0, timer);
}

/** Makes a clock that stands at `startMs`. */
export function createVirtualClock(startMs = Date.UTC(2026, 9, 31, 8), settled: () => Promise<void> = settle): VirtualClock {
  let now = startMs;
  let timers: Timer[] = [];

  /** Takes the next timer that is due by then. */
  const takeDue = (until: number): Timer | undefined => {
    for (let [next] = timers; next !== undefined && next.at <= until; [next] = timers) {
      timers.shift();
      if (!next.cancelled) return next;
    }
    return undefined;
  };

  return {
    now: () => now,
    after(ms, fn) {
      // Whole milliseconds, as timers and clocks of the machine are.
      const timer: Timer = { at: now + Math.ceil(ms), fn, cancelled: false };
      insert(timers, timer);
      return () => {
        timer.cancelled = true;
      };
    },
    async advance(ms) {
      const until = now + ms;
      await settled();
      for (let due = takeDue(until); due !== undefined; due = takeDue(until)) {
        now = Math.max(now, due.at);
        due.fn();
        await settled();
      }
      now = until;
    },
    jump(ms) {
      now += ms;
    },
    pending: () => {
      timers = timers.filter(({ cancelled }) => !cancelled);
      return timers.length;
    },
  };
}
