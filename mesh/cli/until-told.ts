/** Waits until the process is asked to end. */

/** Resolves at SIGINT, SIGTERM or SIGHUP; a second one ends the process at once, as if it were not handled. */
export const untilTold = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
