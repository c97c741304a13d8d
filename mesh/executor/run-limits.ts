/** What ends a run from outside. */
import { GaggleError } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";
import { runFailure } from "./run-failure.ts";

/** The limits of one run. */
export interface RunLimits {
  /** Rejects with TIMEOUT when the time is up, with EXECUTOR_FAILED (reason canceled) when a signal aborts; never resolves. */
  readonly exceeded: Promise<never>;
  /** Forgets timer and signals. */
  release(): void;
}

/** Starts the time of a run, and listens to the signals that cancel it: the asker's, the daemon's end. */
export function createRunLimits(clock: Clock, timeoutMs: number, signals: readonly AbortSignal[]): RunLimits {
  const { promise: exceeded, reject } = Promise.withResolvers<never>();
  // While nobody waits for it yet, its failure must not end the daemon.
  exceeded.catch(() => undefined);
  const cancel = (): void => reject(runFailure("canceled"));
  const timedOut = "The run took longer than the skill allows. Ask for less, or raise the skill's timeoutSeconds.";
  const stopTimer = clock.after(timeoutMs, () => reject(new GaggleError("TIMEOUT", timedOut, { details: { timeoutMs } })));
  for (const signal of signals) {
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
  }
  const release = (): void => {
    stopTimer();
    for (const signal of signals) signal.removeEventListener("abort", cancel);
  };
  return { exceeded, release };
}
