/** The log of a long-running process: pino on stderr. No user's text, key or token ever gets here. */
import { type DestinationStream, type Logger, pino } from "pino";
import type { Env } from "../client/home.ts";
import { errorCode, framesOf } from "../contract/errors.ts";

/** An error's own message may quote what it failed on, so only its name, code and frames are written. */
const describe = (error: unknown): object =>
  error instanceof Error ? { name: error.name, code: errorCode(error), frames: framesOf(error) } : { name: typeof error };

/** Characters of lines that wait while they can't be written; later ones are dropped. */
const MAX_WAITING = 1_048_576;

/**
 * Where log lines go. What can't be written, on a full disk or to a terminal that was closed, waits or is lost, and ends nothing: pino's own destination
 * throws it at whoever logs. Written synchronously, so that a crash loses no line.
 */
export function logDestination(fd: number): DestinationStream {
  const destination = pino.destination({ fd, sync: true, maxLength: MAX_WAITING });
  destination.on("error", () => undefined);
  return destination;
}

/** A logger. Level by GAGGLE_LOG (debug, info, warn, error, silent; default info). */
export const createLog = (name: string, env: Env, stream: DestinationStream = logDestination(2)): Logger =>
  pino({ name, level: env["GAGGLE_LOG"] ?? "info", serializers: { err: describe } }, stream);
