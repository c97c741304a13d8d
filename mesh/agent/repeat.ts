/** Work that a daemon does again and again in the background. */
import type { Clock } from "../contract/ports.ts";

/** A repeated job. */
export interface Repeated {
  /** Runs the job now, or once more right after the run under way; resolves with the end of that run, whether it failed or not. */
  kick(): Promise<void>;
  /** No further run; resolves when the run under way has ended. */
  stop(): Promise<void>;
}

/** Longest wait after failures, as a multiple of the interval. */
const MAX_BACKOFF = 8;

/**
 * Runs `job` every `intervalMs`, never twice at once; after failures it waits longer, up to eight times.
 * @param deps `onError` hears of every failed run
 */
export function repeat(deps: { clock: Clock; onError(error: unknown): void }, intervalMs: number, job: () => Promise<void>): Repeated {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let failures = 0;
  let cancel: (() => void) | undefined;

  const runOnce = async (): Promise<void> => {
    try {
      await job();
      failures = 0;
    } catch (error) {
      failures += 1;
      deps.onError(error);
    }
  };

  const run = async (): Promise<void> => {
    do {
      again = false;
      await runOnce();
    } while (again && !stopped);
    running = undefined;
    if (!stopped) cancel = deps.clock.after(intervalMs * Math.min(MAX_BACKOFF, 2 ** failures), () => void kick());
  };

  const kick = (): Promise<void> => {
    if (stopped) return Promise.resolve();
    again = running !== undefined;
    cancel?.();
    running ??= run();
    return running;
  };

  return {
    kick,
    async stop() {
      stopped = true;
      cancel?.();
      await running;
    },
  };
}
