/** Time limits on the injected clock for calls that take an AbortSignal. */
import { GaggleError } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";

/**
 * Runs `work` with a signal that aborts after `limitMs`.
 * @throws GaggleError TIMEOUT after the limit, also where `work` ignores its signal; otherwise what `work` throws
 */
export async function withDeadline<T>(clock: Clock, limitMs: number, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(limitMs, () => {
    const error = new GaggleError("TIMEOUT", `${what} took longer than ${limitMs} ms; check the network between the two machines.`);
    late.reject(error);
    controller.abort(error);
  });
  try {
    return await Promise.race([work(controller.signal), late.promise]);
  } finally {
    cancel();
  }
}
