/** The log of a long-running process: pino on stderr. No user's text, key or token ever gets here. */
import { type DestinationStream, type Logger, pino } from "pino";
import type { Env } from "../client/home.ts";
import { errorCode, framesOf } from "../contract/errors.ts";

/** An error's own message may quote what it failed on, so only its name, code and frames are written. */
const describe = (error: unknown): object =>
  error instanceof Error ? { name: error.name, code: errorCode(error), frames: framesOf(error) } : { name: typeof error };

/** A logger. Level by GAGGLE_LOG (debug, info, warn, error, silent; default info). Written synchronously, so that a crash loses no line. */
export const createLog = (name: string, env: Env, stream: DestinationStream = pino.destination({ fd: 2, sync: true })): Logger =>
  pino({ name, level: env["GAGGLE_LOG"] ?? "info", serializers: { err: describe } }, stream);
