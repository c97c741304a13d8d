/** Bounds a wait. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Clock } from "../../mesh/contract/ports.ts";

/** What `work` resolves with. @throws GaggleError GUARD_REFUSED where it takes longer; what it does then is nobody's business any more */
export async function withTimeout<T>(clock: Pick<Clock, "after">, work: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(ms, () =>
    late.reject(
      new GaggleError("GUARD_REFUSED", "The privacy guard could not look through the request in time, so it was not sent; try again.", {
        details: { ms },
      }),
    ),
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    cancel();
  }
}
