/**
 * The messages that wait for one recipient: which may be sent now. Pure bookkeeping, no store and no link.
 * Invariants: at most `window` are in flight, one while the recipient is failing; of a lane only the oldest is ever in flight.
 */
import { RETRY_MAX_MS, RETRY_MIN_MS } from "../contract/limits.ts";
import type { OutboxRecord } from "./outbox-record.ts";

/** A waiting message and what happened to it in this run of the daemon. */
export interface OutboxEntry {
  readonly record: OutboxRecord;
  attempts: number;
  lastError?: string;
}

const PRIORITIES = { P0: 0, P1: 1, P2: 2, P3: 3 } as const;

/** Wait before the next try after `failures` failures in a row: doubles, bounded, and somewhere in its upper half (`chance` from 0 to 1). */
export const backoffMs = (failures: number, chance: number): number =>
  Math.round(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures - 1, 20)) * (0.5 + chance / 2));

/** Makes the stream to one recipient. */
export function createSendStream(window: number) {
  const lanes = new Map<string, OutboxEntry[]>();
  const ready: OutboxEntry[][] = [[], [], [], []];
  let inFlight = 0;
  let failures = 0;
  let blockedUntil = 0;

  const makeReady = (entry: OutboxEntry): void => void ready[PRIORITIES[entry.record.priority]]?.push(entry);

  return {
    add(entry: OutboxEntry): void {
      const lane = lanes.get(entry.record.lane) ?? [];
      lane.push(entry);
      lanes.set(entry.record.lane, lane);
      if (lane.length === 1) makeReady(entry);
    },

    /** Takes the next message to send, the highest priority first; undefined where none may be sent now. */
    take(nowMs: number): OutboxEntry | undefined {
      if (nowMs < blockedUntil || inFlight >= (failures > 0 ? 1 : window)) return undefined;
      const entry = ready.find((queue) => queue.length > 0)?.shift();
      if (entry !== undefined) inFlight++;
      return entry;
    },

    /** The message is settled, delivered or dead; the next of its lane may go. `reached` where the recipient answered. */
    settled(entry: OutboxEntry, reached: boolean): void {
      inFlight--;
      if (reached) failures = 0;
      const lane = lanes.get(entry.record.lane) ?? [];
      lane.shift();
      const [next] = lane;
      if (next === undefined) lanes.delete(entry.record.lane);
      else makeReady(next);
    },

    /** The try failed; the recipient is left alone for a while. The message goes behind others, never behind its own lane. */
    failed(entry: OutboxEntry, nowMs: number, chance: number, waitMs = 0): void {
      inFlight--;
      failures++;
      blockedUntil = Math.max(blockedUntil, nowMs + Math.max(waitMs, backoffMs(failures, chance)));
      makeReady(entry);
    },

    /** The recipient is there again: no more waiting. */
    unblock(): void {
      blockedUntil = 0;
    },

    /** All messages that wait, also those in flight. */
    entries: (): OutboxEntry[] => [...lanes.values()].flat(),
    blockedUntil: (): number => blockedUntil,
    isEmpty: (): boolean => lanes.size === 0,
  };
}
/** The stream to one recipient. */
export type SendStream = ReturnType<typeof createSendStream>;
