/** What must always hold of delivery, and what happens where it does not: an audited error, and the part concerned stops. Source: docs/delivery.md. */
import { GaggleError } from "../contract/errors.ts";

/** The invariants that are checked while the daemon runs, by name. docs/delivery.md lists them all. */
export const INVARIANTS = {
  "outbox.on-disk": "A message that waits is on the disk.",
  "outbox.seq-grows": "Every message accepted has a higher number than all before it.",
  "outbox.one-in-lane": "Of a lane at most one message is in flight, the oldest that is not settled.",
  "outbox.window": "No more than the window is in flight to one recipient.",
  "outbox.hand-over-told": "The link says that a message leaves before it does.",
  "inbox.sums": "What is open is never less than nothing.",
} as const;

/** Name of an invariant. */
export type Invariant = keyof typeof INVARIANTS;

/**
 * Fails where an invariant does not hold.
 * @throws GaggleError INTERNAL with the name in `details.invariant`
 */
export function assertInvariant(
  holds: boolean,
  invariant: Invariant,
  details: Readonly<Record<string, string | number>> = {},
): asserts holds {
  if (holds) return;
  throw new GaggleError("INTERNAL", `An invariant of delivery is broken: ${INVARIANTS[invariant]} Report this; nothing is lost.`, {
    details: { ...details, invariant },
  });
}

/** The invariant that an error says is broken, or undefined. */
export function brokenInvariant(error: unknown): Invariant | undefined {
  const name = error instanceof GaggleError ? error.details["invariant"] : undefined;
  return typeof name === "string" && Object.hasOwn(INVARIANTS, name) ? (name as Invariant) : undefined;
}
