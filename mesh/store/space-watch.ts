/**
 * Notices that a disk which was nearly full has room again, so that what waits for room goes on then and not when its own wait is over. Looks only
 * while something was refused. Sans-IO. Source: design, Trust, Audit; docs/delivery.md.
 */
import { FREE_SPACE_FLOOR_BYTES } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";

/** How often a full disk is looked at. */
const LOOK_MS = 1_000;

/** What the watch needs. */
export interface SpaceWatchDeps {
  readonly clock: Pick<Clock, "after">;
  /** Free bytes where the store lies; what can't be measured counts as full. */
  freeBytes(): number;
  /** Told what `freeBytes` or a listener threw. */
  onError(error: unknown): void;
}

/** The watch. */
export interface SpaceWatch {
  /** Something was refused since the disk is nearly full. */
  refused(): void;
  /** Adds who is told, each time, that there is room again. */
  onRoom(listener: () => void): void;
}

/** Makes it, with nothing refused yet. */
export function createSpaceWatch(deps: SpaceWatchDeps): SpaceWatch {
  const listeners: (() => void)[] = [];
  let isWatching = false;

  const guarded = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      deps.onError(error);
      return undefined;
    }
  };

  const look = (): void => {
    isWatching = false;
    if ((guarded(deps.freeBytes) ?? 0) < FREE_SPACE_FLOOR_BYTES) watch();
    else for (const listener of listeners) guarded(listener);
  };

  const watch = (): void => {
    if (isWatching) return;
    isWatching = true;
    deps.clock.after(LOOK_MS, look);
  };

  return { refused: watch, onRoom: (listener) => void listeners.push(listener) };
}
