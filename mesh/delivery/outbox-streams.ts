/** The messages that wait, in a stream for each recipient, and what moves them: new ones, time, and recipients that come back. */
import type { OutboxRecord } from "./outbox-record.ts";
import type { createHandOver } from "./hand-over.ts";
import type { OutboxEnds } from "./outbox-ends.ts";
import type { OutboxDeps } from "./outbox-types.ts";
import { createSendAttempt } from "./send-attempt.ts";
import { createSendStream, type OutboxEntry, entryOf, type SendStream } from "./send-stream.ts";
import { createWakers } from "./wakers.ts";

/** Messages in flight to one recipient. */
const DEFAULT_WINDOW = 32;
/** How often messages are looked through for those whose time is over. */
const SWEEP_MS = 30_000;

/** Makes them. @param config `window`: messages in flight to one recipient (default 32); `report` is told about every failure */
export function createOutboxStreams(
  deps: OutboxDeps,
  config: {
    window?: number;
    handOver: ReturnType<typeof createHandOver>;
    ends: OutboxEnds;
    report(error: unknown, agentId?: string): void;
  },
) {
  const { handOver, ends, report, window = DEFAULT_WINDOW } = config;
  const streams = new Map<string, SendStream>();
  const halted = new Set<string>();
  let stopped = false;
  let cancelSweep: (() => void) | undefined;

  const attempt = createSendAttempt(deps, { handOver, ends, report, isStopped: () => stopped });
  const send = async (agentId: string, stream: SendStream, entry: OutboxEntry): Promise<void> => {
    await attempt(stream, entry);
    pump(agentId);
  };

  /** Sends what may be sent. Where an invariant is broken, nothing more goes to that recipient until the daemon starts anew from its disk. */
  const pump = (agentId: string): void => {
    if (halted.has(agentId)) return;
    try {
      pumpStream(agentId);
    } catch (error) {
      halted.add(agentId);
      report(error, agentId);
    }
  };
  const wakers = createWakers(deps.clock, pump);

  const pumpStream = (agentId: string): void => {
    const stream = streams.get(agentId);
    if (stream === undefined || stopped) return;
    const now = deps.clock.now();
    for (let entry = stream.take(now); entry !== undefined; entry = stream.take(now)) {
      if (entry.exp <= now) {
        stream.settled(entry, false);
        ends.buryExpired(entry);
      } else void send(agentId, stream, entry);
    }
    if (stream.isEmpty()) {
      streams.delete(agentId);
      wakers.cancel(agentId);
      return;
    }
    const next = stream.nextAt(now);
    if (next !== undefined) wakers.wakeAt(agentId, next);
  };

  /** Ends messages whose time is over, also those that wait for a recipient that is away. */
  const sweep = (): void => {
    cancelSweep = undefined;
    if (stopped) return;
    const now = deps.clock.now();
    for (const [agentId, stream] of streams) {
      let ended = false;
      for (const entry of stream.entries().values()) {
        if (entry.exp > now || !stream.remove(entry)) continue;
        ends.buryExpired(entry);
        ended = true;
      }
      if (ended) pump(agentId);
    }
    if (streams.size > 0) cancelSweep ??= deps.clock.after(SWEEP_MS, sweep);
  };

  return {
    streams: streams as ReadonlyMap<string, SendStream>,
    pump,

    /**
     * Takes a message up. Only so many as may soon be in flight are kept in memory as a whole; the others are read again when their turn comes.
     * @param fresh false where it is not known what an earlier run of the daemon did with it
     */
    add(record: OutboxRecord, fresh: boolean): void {
      const { agentId } = record.to;
      const stream = streams.get(agentId) ?? createSendStream(window);
      streams.set(agentId, stream);
      const entry = entryOf(record);
      if (fresh && stream.entries().size < 2 * window) entry.record = record;
      if (!fresh) [entry.maybeTried, entry.mayBeThere] = [true, true];
      if (entry.movable !== undefined) handOver.takeUp(entry);
      if (!fresh && deps.isElsewhere(deps.store, entry.id)) entry.mayBeThere = true;
      stream.add(entry);
      cancelSweep ??= deps.clock.after(SWEEP_MS, sweep);
    },

    /** The recipient is there again, or has news: no more waiting. */
    unblock(agentId: string): void {
      streams.get(agentId)?.unblock();
      pump(agentId);
    },

    stop(): void {
      stopped = true;
      cancelSweep?.();
      wakers.cancelAll();
    },
  };
}
