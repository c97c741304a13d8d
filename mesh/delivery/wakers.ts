/** One timer for each recipient: the earliest moment at which something may be sent to it. */
import type { Clock } from "../contract/ports.ts";

/** Makes them. @param wake called once at the moment, by then without a timer */
export function createWakers(clock: Clock, wake: (agentId: string) => void) {
  const planned = new Map<string, { at: number; cancel: () => void }>();

  const cancel = (agentId: string): void => {
    planned.get(agentId)?.cancel();
    planned.delete(agentId);
  };

  return {
    /** Wakes at `at`, in epoch milliseconds, unless an earlier moment is planned. */
    wakeAt(agentId: string, at: number): void {
      const before = planned.get(agentId);
      if (before !== undefined && before.at <= at) return;
      before?.cancel();
      const cancelTimer = clock.after(Math.max(1, at - clock.now()), () => {
        planned.delete(agentId);
        wake(agentId);
      });
      planned.set(agentId, { at, cancel: cancelTimer });
    },
    cancel,
    cancelAll(): void {
      for (const agentId of planned.keys()) cancel(agentId);
    },
  };
}
