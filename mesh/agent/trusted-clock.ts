/**
 * A clock that never goes back behind what others have confirmed: whoever sets this machine's clock back makes no expired thing good again, also over a restart.
 * Source: design, Trust, Membership credential; decision 0112.
 */
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import type { Clock, OrderedStore } from "../contract/ports.ts";

const KEY = "trusted-time";
/** Growth that is written to the disk. Less is lost with a crash, and matters to nothing that lives for hours. */
const WRITE_STEP_MS = 60_000;

/** What the clock needs. */
export interface TrustedClockDeps {
  /** The machine's clock, which anybody may set. */
  readonly clock: Clock;
  readonly store: Pick<OrderedStore, "get" | "batch">;
  /** Milliseconds since some moment, by a clock that nobody sets. */
  elapsedMs(): number;
  /** The machine's clock was found to be behind by more than two machines' clocks may differ. Told once in a row. */
  onBehind(behindMs: number): void;
  onError(error: unknown): void;
}

/** The clock. `now()`: the machine's time, or where that is earlier, the highest confirmed time and what has passed since. */
export interface TrustedClock extends Clock {
  /** Somebody else who proved membership, or the bootstrap node, has just agreed with the machine's clock (leeway 120 s). */
  confirm(): void;
  /** How far the machine's clock is behind, in milliseconds; 0 where it is not. */
  behindMs(): number;
}

/** Opens it with the highest confirmed time of earlier runs. */
export function createTrustedClock(deps: TrustedClockDeps): TrustedClock {
  const { clock, store } = deps;
  const stored = Number(store.get(KEY) ?? 0);
  let floor = { at: stored, elapsed: deps.elapsedMs() };
  let written = stored;
  let told = false;

  const lowest = (): number => floor.at + (deps.elapsedMs() - floor.elapsed);
  const behindMs = (): number => Math.max(0, Math.floor(lowest() - clock.now()));

  const write = (at: number): void => {
    if (at - written < WRITE_STEP_MS) return;
    written = at;
    store.batch([{ type: "put", key: KEY, value: String(at) }], { sync: false }).catch(deps.onError);
  };

  const look = (behind: number): void => {
    const now = behind > CLOCK_LEEWAY_MS;
    if (now && !told) deps.onBehind(behind);
    told = now;
  };

  return {
    now() {
      const behind = behindMs();
      look(behind);
      return clock.now() + behind;
    },
    after: (ms, fn) => clock.after(ms, fn),
    behindMs,
    confirm() {
      // Whoever agrees with a clock that is behind does not take anything back.
      floor = { at: Math.max(clock.now(), Math.floor(lowest())), elapsed: deps.elapsedMs() };
      write(floor.at);
    },
  };
}
