/** Lets callers wait for the next change of a task, approval or session. */
import type { Clock, Transaction } from "../contract/ports.ts";

/** Who waits for what. */
export interface Changes {
  /** Wakes those who wait for any of the ids, once the transaction is on the disk. */
  changed(tx: Transaction, ids: readonly (string | undefined)[]): void;
  /** Starts to wait for a change of `id`: `done` resolves at the change or after `waitMs`, or at once after `cancel`. */
  wait(id: string, waitMs: number): { done: Promise<void>; cancel(): void };
}

/** Makes it, with nobody waiting. @param onChange told of every change too */
export function createChanges(clock: Clock, onChange: (ids: readonly (string | undefined)[]) => void = () => undefined): Changes {
  const waiting = new Map<string, Set<() => void>>();
  return {
    changed(tx, ids) {
      tx.afterCommit(() => {
        for (const id of ids) for (const wake of waiting.get(id ?? "") ?? []) wake();
        onChange(ids);
      });
    },
    wait(id, waitMs) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wakers = waiting.get(id) ?? new Set();
      waiting.set(id, wakers);
      const wake = (): void => {
        cancelTimer();
        wakers.delete(wake);
        if (wakers.size === 0 && waiting.get(id) === wakers) waiting.delete(id);
        resolve();
      };
      const cancelTimer = clock.after(waitMs, wake);
      wakers.add(wake);
      return { done: promise, cancel: wake };
    },
  };
}
