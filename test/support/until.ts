/** Waits for what happens in other processes, and says what it saw where that does not come. */
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

const POLL_MS = 50;
const TIMEOUT_MS = 30_000;
/** Characters of what was seen last in a failure. */
const SHOWN = 1_000;

/** What {@link until} asks again and again: `undefined` and `false` are "not yet", and so is what throws. */
export type Look<T> = () => Promise<T | undefined | false> | T | undefined | false;

/**
 * Waits until something is so. Where it is about a value, `look` may assert it with `expect`: the failure then shows the value.
 * @param what what is waited for, for the failure
 * @param timeoutMs longest wait, in milliseconds; a look that has begun by then still counts
 * @throws Error with what the last look gave or threw
 */
export async function until<T>(what: string, look: Look<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    let seen = "";
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      seen = String(found);
    } catch (error) {
      cause = error;
      seen = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms. Seen last: ${seen.slice(0, SHOWN)}`, { cause });
    await sleep(POLL_MS);
  }
}
