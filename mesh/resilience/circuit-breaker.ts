/** Stops calling a server or peer that keeps failing, and tries it again with one call at a time. Source: spec G7, M7; M. Nygard, Release It!. */
import type { Clock } from "../contract/ports.ts";

/** When a breaker opens and for how long. */
export interface BreakerConfig {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long nothing is tried then. After a failed try it doubles, up to `maxOpenMs`. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** What a breaker says of itself; `retryAtMs` while it is open. */
export interface BreakerState {
  readonly state: "closed" | "open" | "half-open";
  readonly retryAtMs?: number;
}

/** Leave to make one call; exactly one of its functions is to be called when the call is over. */
export interface Attempt {
  succeeded(): void;
  failed(): void;
  /** The call was given up and says nothing about the other side. */
  abandoned(): void;
}

/** The breaker of one server or peer. */
export interface CircuitBreaker {
  /** Leave to call now, or undefined while the breaker is open or another call is trying it out. */
  attempt(): Attempt | undefined;
  state(): BreakerState;
}

/** Makes a closed breaker. */
export function createCircuitBreaker({ clock }: { clock: Pick<Clock, "now"> }, config: BreakerConfig): CircuitBreaker {
  let failures = 0;
  let openings = 0;
  let openUntilMs: number | undefined;
  let trying = false;

  const open = (): void => {
    openUntilMs = clock.now() + Math.min(config.maxOpenMs, config.openMs * 2 ** openings);
    openings += 1;
    failures = 0;
  };
  const close = (): void => {
    [failures, openings, openUntilMs] = [0, 0, undefined];
  };
  const state = (): BreakerState => {
    if (openUntilMs === undefined) return { state: "closed" };
    const leftMs = openUntilMs - clock.now();
    // After the clock was set back the end lies further ahead than any wait: then it counts as come.
    return leftMs > 0 && leftMs <= config.maxOpenMs ? { state: "open", retryAtMs: openUntilMs } : { state: "half-open" };
  };

  /** Lets only the first word about a call count. */
  const attemptThat = (isTrial: boolean): Attempt => {
    let over = false;
    const end = (effect: () => void) => () => {
      if (over) return;
      over = true;
      if (isTrial) trying = false;
      effect();
    };
    return {
      // A call from before the breaker opened is no proof that the other side is back.
      succeeded: end(() => (isTrial || openUntilMs === undefined ? close() : undefined)),
      failed: end(() => {
        failures += 1;
        if (isTrial || (openUntilMs === undefined && failures >= config.failures)) open();
      }),
      abandoned: end(() => undefined),
    };
  };

  return {
    state,
    attempt() {
      const now = state().state;
      if (now === "closed") return attemptThat(false);
      if (now === "open" || trying) return undefined;
      trying = true;
      return attemptThat(true);
    },
  };
}
