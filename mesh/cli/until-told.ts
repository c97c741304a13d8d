/** Waits until the process is asked to end. */

/** The option of long-running commands that a program starts and that shall not outlive it. */
export const END_WITH_STDIN = ["--end-with-stdin", "end when standard input ends, for programs that start this"] as const;

/** Time to end in order once standard input has ended. */
const END_GRACE_MS = 10_000;

/**
 * Resolves at SIGINT, SIGTERM or SIGHUP, with its name; a second one ends the process at once, as if it were not handled.
 * @param options `withStdin`: also when standard input ends (then with SIGHUP): it does when the program at its other end is gone, however
 *   that ended. Ten seconds later the process ends by force, whatever it still does
 */
export const untilTold = (options: { withStdin?: boolean } = {}): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve(signal));
    if (options.withStdin !== true) return;
    for (const end of ["end", "close"]) process.stdin.once(end, () => resolve("SIGHUP"));
    // Whoever would end by force what does not end in order is gone, so this process does it itself.
    process.stdin.once("end", () => void setTimeout(() => process.exit(1), END_GRACE_MS).unref());
    process.stdin.resume();
    // Waiting for it must not keep a process that has ended otherwise. A file, which has no `unref`, ends by itself.
    process.stdin.unref?.();
  });
