/** Tells members what happened on the node since they last asked (long poll). Kept in memory: after a restart, and for who was away too long, it says so. */
import type { EventPage, EventQuery, NodeEvent } from "../../mesh/contract/controller-api.ts";
import type { Clock } from "../../mesh/contract/ports.ts";

/** Events that are kept. */
const KEPT = 10_000;
/** Events in one answer. */
const PAGE = 200;
/** Polls of one agent that may wait at once; a further one ends the oldest. */
const WAITING_PER_AGENT = 2;

type WithoutTime = NodeEvent extends infer E ? (E extends NodeEvent ? Omit<E, "at"> : never) : never;

interface Kept {
  readonly n: number;
  readonly event: NodeEvent;
  /** Whose it is; everybody's where left out. */
  readonly to?: string;
}

/** The events of this run of the node. */
export interface EventFeed {
  /** Adds an event. @param to the agent that may know of it; everybody where left out */
  add(event: WithoutTime, to?: string): void;
  /** What an agent may know since `after`; where there is nothing, waits for the first as long as the query says, or until the signal. */
  poll(agentId: string, query: EventQuery, signal?: AbortSignal): Promise<EventPage>;
  /** Polls that wait now. */
  waiting(): number;
  /** Ends all waiting polls with what there is; later ones do not wait. */
  release(): void;
}

/** Makes an empty feed. @param deps.clock its time of now names this run, so that cursors of an earlier one are known as such */
export function createEventFeed({ clock }: { clock: Clock }): EventFeed {
  const run = clock.now().toString(36);
  const waiting = new Map<string, Set<() => void>>();
  let kept: Kept[] = [];
  let last = 0;
  let released = false;

  const wake = (agentId: string): void => {
    for (const end of waiting.get(agentId) ?? []) end();
  };

  /** The cursor's number; undefined where it is of another run or too old. */
  const place = (after: string | undefined): number | undefined => {
    if (after === undefined) return last;
    const [name, number = ""] = after.split(".");
    const n = Number(number);
    const oldest = kept[0]?.n ?? last + 1;
    return name === run && n <= last && n >= oldest - 1 ? n : undefined;
  };

  const pageFrom = (agentId: string, from: number): { events: NodeEvent[]; next: number } => {
    const mine = kept.filter(({ n, to }) => n > from && (to === undefined || to === agentId));
    const page = mine.slice(0, PAGE);
    return { events: page.map(({ event }) => event), next: mine.length > PAGE ? (page.at(-1)?.n ?? last) : last };
  };

  const pause = (agentId: string, ms: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve) => {
      const mine = waiting.get(agentId) ?? new Set();
      waiting.set(agentId, mine);
      const end = (): void => {
        cancel();
        signal?.removeEventListener("abort", end);
        mine.delete(end);
        if (mine.size === 0) waiting.delete(agentId);
        resolve();
      };
      const cancel = clock.after(ms, end);
      mine.add(end);
      signal?.addEventListener("abort", end, { once: true });
      if (mine.size > WAITING_PER_AGENT) mine.values().next().value?.();
    });

  return {
    add(event, to) {
      const at = new Date(clock.now()).toISOString();
      kept.push({ n: ++last, event: { ...event, at }, ...(to === undefined ? {} : { to }) });
      // In one cut for many, since each moves the whole list.
      if (kept.length > 2 * KEPT) kept = kept.slice(-KEPT);
      if (to !== undefined) wake(to);
      else for (const agentId of waiting.keys()) wake(agentId);
    },
    async poll(agentId, { after, wait = "0" }, signal) {
      const from = place(after);
      if (from === undefined) return { events: [], next: `${run}.${last}`, missed: true };
      const first = pageFrom(agentId, from);
      if (first.events.length === 0 && wait !== "0" && !released && signal?.aborted !== true)
        await pause(agentId, Number(wait) * 1_000, signal);
      const { events, next } = first.events.length > 0 ? first : pageFrom(agentId, from);
      return { events, next: `${run}.${next}`, missed: false };
    },
    waiting: () => [...waiting.values()].reduce((sum, { size }) => sum + size, 0),
    release() {
      released = true;
      for (const agentId of waiting.keys()) wake(agentId);
    },
  };
}
