/** What one member may cost this agent: frames and bytes a second, and bytes that are worked on at once. On the injected clock. */
import type { Clock } from "../contract/ports.ts";
import {
  FRAME_BURST,
  FRAMES_PER_SECOND,
  MAX_IN_FLIGHT_BYTES,
  NOISE_BURST,
  NOISE_PER_SECOND,
  READ_BURST_BYTES,
  READ_BYTES_PER_SECOND,
  STREAM_BURST,
  STREAMS_PER_SECOND,
} from "./protocols.ts";

/** A bucket that may be overdrawn once: who did waits until it is paid back. */
interface Bucket {
  /** Takes an amount; returns the milliseconds after which the next may be taken. */
  spend(amount: number): number;
}

function createBucket(clock: Pick<Clock, "now">, perSecond: number, burst: number): Bucket {
  let left = burst;
  let at = clock.now();
  return {
    spend(amount) {
      const now = clock.now();
      left = Math.min(burst, left + (Math.max(0, now - at) * perSecond) / 1_000) - amount;
      at = now;
      return left >= 0 ? 0 : Math.ceil((-left * 1_000) / perSecond);
    },
  };
}

/** One member's allowance, over all its streams and connections. */
export interface Allowance {
  /** A frame of so many bytes has come. Returns how long its sender is not read, in ms; 0 where it is within its rate. */
  spendFrame(bytes: number): number;
  /** A stream was opened. False where there were too many: the connection is to be cut. */
  spendStream(): boolean;
  /** A frame was no message. False where there were too many: the connection is to be cut. */
  spendNoise(): boolean;
  /** Adds to what is worked on, or takes off. */
  hold(bytes: number): void;
  /** Whether no more should be read until some work is done. */
  readonly full: boolean;
}

/** Allowances of members. */
export interface Allowances {
  of(agentId: string): Allowance;
}

/** Members whose allowances are kept; the one unused for longest is forgotten, which gives it a new burst. */
const MAX_KEPT = 4_096;

/** Makes them. */
export function createAllowances(clock: Pick<Clock, "now">): Allowances {
  const kept = new Map<string, Allowance>();

  function create(): Allowance {
    const frames = createBucket(clock, FRAMES_PER_SECOND, FRAME_BURST);
    const bytes = createBucket(clock, READ_BYTES_PER_SECOND, READ_BURST_BYTES);
    const streams = createBucket(clock, STREAMS_PER_SECOND, STREAM_BURST);
    const noise = createBucket(clock, NOISE_PER_SECOND, NOISE_BURST);
    let held = 0;
    return {
      spendFrame: (size) => Math.max(frames.spend(1), bytes.spend(size)),
      spendStream: () => streams.spend(1) === 0,
      spendNoise: () => noise.spend(1) === 0,
      hold(change) {
        held += change;
      },
      get full() {
        return held >= MAX_IN_FLIGHT_BYTES;
      },
    };
  }

  return {
    of(agentId) {
      const allowance = kept.get(agentId) ?? create();
      kept.delete(agentId);
      kept.set(agentId, allowance);
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
      return allowance;
    },
  };
}
