/** The outbox as people and other parts look at it: what waits, for whom, and how recipients stand. Changes nothing. */
import type { Clock, OrderedStore } from "../contract/ports.ts";
import { toItem } from "./outbox-items.ts";
import { type OutboxRecord, queuedKey } from "./outbox-record.ts";
import type { Outbox } from "./outbox-types.ts";
import type { OutboxEntry, SendStream } from "./send-stream.ts";

/** A message that waits, and where. */
export interface FoundEntry {
  readonly agentId: string;
  readonly stream: SendStream;
  readonly entry: OutboxEntry;
}

/** Makes it over the streams to all recipients. */
export function createOutboxView(deps: {
  readonly clock: Pick<Clock, "now">;
  readonly store: Pick<OrderedStore, "get">;
  readonly streams: ReadonlyMap<string, SendStream>;
}) {
  const { streams } = deps;

  const record = (seq: number): OutboxRecord | undefined => {
    const text = deps.store.get(queuedKey(seq));
    return text === undefined ? undefined : (JSON.parse(text) as OutboxRecord);
  };

  /** The next tries of all streams by recipient, as texts. */
  const nextTries = (): Map<string, { nextAttemptAt?: string }> => {
    const now = deps.clock.now();
    const next = (at: number | undefined) => (at === undefined ? {} : { nextAttemptAt: new Date(at).toISOString() });
    return new Map([...streams].map(([agentId, stream]) => [agentId, next(stream.nextAt(now))]));
  };

  const list: Outbox["list"] = (limit) => {
    const waiting = [...streams.values()].flatMap((stream) => [...stream.entries().values()]).toSorted((a, b) => a.seq - b.seq);
    const next = nextTries();
    return waiting.slice(0, limit).flatMap((entry) => {
      // What is delivered already waits for nothing but the write that says so.
      const waits = record(entry.seq);
      return waits === undefined ? [] : { ...toItem(waits, entry), ...next.get(waits.to.agentId) };
    });
  };

  return {
    record,
    list,
    waiting: (): Map<string, number[]> =>
      new Map([...streams].map(([agentId, stream]) => [agentId, [...stream.entries().keys()].toSorted((x, y) => x - y)])),

    /** Messages that wait, and recipients that can't be reached or have no room. */
    counts() {
      const all = [...streams.values()];
      const now = deps.clock.now();
      const conditions = all.map((stream) => stream.condition(now));
      return {
        queued: all.reduce((sum, stream) => sum + stream.entries().size, 0),
        away: conditions.filter((condition) => condition === "away").length,
        busy: conditions.filter((condition) => condition === "busy").length,
      };
    },

    /** The message with an id. */
    find(id: string): FoundEntry | undefined {
      for (const [agentId, stream] of streams)
        for (const entry of stream.entries().values()) if (entry.id === id) return { agentId, stream, entry };
      return undefined;
    },
  };
}
