/** What a peer did against the protocol, told apart from networks that fail. */
import { type ErrorCode, GaggleError } from "../contract/errors.ts";

const VIOLATIONS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["INVALID_INPUT", "TOO_LARGE"]);
/** How libp2p's length-prefixed streams say that a message is too large. */
const OVERSIZED = ["InvalidDataLengthError", "InvalidDataLengthLengthError", "StreamBufferError"];

/** libp2p's errors of an oversized message become ours; all others (reset, end, abort) stay what they are. */
export function asViolation(error: unknown): unknown {
  const oversized = error instanceof Error && OVERSIZED.includes(error.name);
  return oversized ? new GaggleError("TOO_LARGE", "The peer's message is larger than the limit.", { cause: error }) : error;
}

/** The violation behind an error, or undefined where the peer did nothing wrong. */
export function violationOf(error: unknown): GaggleError | undefined {
  const known = asViolation(error);
  return known instanceof GaggleError && VIOLATIONS.has(known.code) ? known : undefined;
}
