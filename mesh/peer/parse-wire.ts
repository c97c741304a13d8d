/** Reads what a peer said, with an error of ours. */
import type { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { readWire } from "../contract/wire.ts";

/**
 * Reads a value by a strict schema; see `readWire`.
 * @param what names it in the error
 * @throws GaggleError INVALID_INPUT; without the cause, which may quote what was said
 */
export function parseWireAs<T>(schema: z.ZodType<T>, value: unknown, minor: number, what: string): T {
  try {
    return readWire(schema, value, minor);
  } catch {
    throw new GaggleError("INVALID_INPUT", `${what} is not what the protocol asks for.`);
  }
}
