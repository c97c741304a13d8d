/** When a task may start and when it is too late for it. Pure. Source: spec M4. */
import type { DaemonRequest } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import { ENVELOPE_LIFETIME_MS, RECORD_RETENTION_MS } from "../contract/limits.ts";

/** Times of a task, in milliseconds since the epoch. */
export interface TaskTimes {
  readonly startAt?: number;
  readonly expiresAt?: number;
}

const wrong = (problem: string): GaggleError => new GaggleError("INVALID_INPUT", problem);

/**
 * The times that a caller asks for.
 * @throws GaggleError INVALID_INPUT for an end that has passed, lies more than 14 days ahead or before the start, and a start more than 90 days ahead
 */
export function timesOf(request: Pick<DaemonRequest<"task.send">, "startAt" | "expiresAt">, nowMs: number): TaskTimes {
  const startAt = request.startAt === undefined ? undefined : Date.parse(request.startAt);
  const expiresAt = request.expiresAt === undefined ? undefined : Date.parse(request.expiresAt);
  if (startAt !== undefined && startAt > nowMs + RECORD_RETENTION_MS)
    throw wrong("startAt is more than 90 days ahead; choose an earlier time.");
  if (expiresAt !== undefined && expiresAt <= nowMs) throw wrong("expiresAt has passed already; choose a later time.");
  if (expiresAt !== undefined && expiresAt > nowMs + ENVELOPE_LIFETIME_MS)
    throw wrong("expiresAt is more than 14 days ahead; choose an earlier time, or leave it out.");
  if (expiresAt !== undefined && startAt !== undefined && expiresAt <= startAt)
    throw wrong("expiresAt is not after startAt; choose a later one.");
  return { ...(startAt === undefined ? {} : { startAt }), ...(expiresAt === undefined ? {} : { expiresAt }) };
}

/** True where the time to start has come. */
export const mayStart = ({ startAt }: TaskTimes, nowMs: number): boolean => startAt === undefined || startAt <= nowMs;

/** True where it is too late to start. */
export const isTooLate = ({ expiresAt }: TaskTimes, nowMs: number): boolean => expiresAt !== undefined && expiresAt <= nowMs;

/** The next moment at which something about an unstarted task changes by itself; undefined where nothing does. */
export function nextDue({ startAt, expiresAt }: TaskTimes, nowMs: number): number | undefined {
  if (startAt !== undefined && startAt > nowMs) return startAt;
  return expiresAt;
}
