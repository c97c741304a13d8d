/**
 * Wakes tasks when their time comes: to start, or to end unstarted. What is due lies in the store, so a restart loses nothing; the clock is looked at
 * at least twice a minute, so a corrected clock delays nothing for long and starts nothing early. Sans-IO. Source: spec M4.
 */
import type { Clock, OrderedStore, Transaction } from "../contract/ports.ts";

/** Longest sleep. */
const LOOK_MS = 30_000;
/** Tasks woken at once. */
const BATCH = 200;

const PREFIX = "due/";
const padded = (ms: number): string => ms.toString().padStart(16, "0");
const keyOf = (at: number, taskId: string): string => `${PREFIX}${padded(at)}/${taskId}`;

/** What waking needs. */
export interface DueTimesDeps {
  readonly clock: Clock;
  readonly store: OrderedStore;
  /** Looks at a task whose time has come, and forgets `forget(tx)` in the same batch where it did. */
  wake(taskId: string, forget: (tx: Transaction) => void): Promise<void>;
  onError(error: unknown): void;
}

/** Times at which tasks are woken. */
export interface DueTimes {
  /** Records a time in the caller's transaction. */
  plan(tx: Transaction, at: number, taskId: string): void;
  /** Takes up what the disk holds. */
  start(): void;
  stop(): void;
}

/** Makes it. */
export function createDueTimes(deps: DueTimesDeps): DueTimes {
  let cancel: (() => void) | undefined;
  let wakeAt: number | undefined;
  let looking = false;
  let stopped = false;

  const sleep = (until: number): void => {
    if (stopped || looking) return;
    cancel?.();
    wakeAt = until;
    cancel = deps.clock.after(Math.min(LOOK_MS, Math.max(1, until - deps.clock.now())), () => {
      look().catch((error: unknown) => {
        deps.onError(error);
        sleep(deps.clock.now() + LOOK_MS);
      });
    });
  };

  const wakeDue = async (): Promise<number | undefined> => {
    for (;;) {
      const rows = await deps.store.range({ gte: PREFIX, lt: `${PREFIX}~`, limit: BATCH });
      for (const [key] of rows) {
        const [, at = "0", taskId = ""] = key.split("/");
        if (Number(at) > deps.clock.now()) return Number(at);
        await deps.wake(taskId, (tx) => tx.del(key));
        if (stopped) return undefined;
      }
      if (rows.length < BATCH) return undefined;
    }
  };

  const look = async (): Promise<void> => {
    looking = true;
    wakeAt = undefined;
    let next: number | undefined;
    try {
      next = await wakeDue();
    } finally {
      looking = false;
    }
    const planned = wakeAt;
    const soonest = Math.min(next ?? Number.POSITIVE_INFINITY, planned ?? Number.POSITIVE_INFINITY);
    if (Number.isFinite(soonest)) sleep(soonest);
  };

  return {
    plan(tx, at, taskId) {
      tx.put(keyOf(at, taskId), "");
      tx.afterCommit(() => {
        if (wakeAt !== undefined && wakeAt <= at) return;
        if (looking) wakeAt = at;
        else sleep(at);
      });
    },
    start: () => sleep(deps.clock.now()),
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
