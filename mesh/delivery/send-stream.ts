/**
 * The messages that wait for one recipient: which may be sent now. Pure bookkeeping, no store and no link.
 * Invariants: at most `window` are in flight, one while the recipient can't be reached; of a lane only the oldest is ever in flight; nothing is in
 * flight twice. Source: docs/delivery.md, decision 0084.
 */
import { RETRY_MAX_MS, RETRY_MIN_MS } from "../contract/limits.ts";
import type { Priority } from "../contract/message.ts";
import { type Attempt, type BreakerState, createCircuitBreaker } from "../resilience/circuit-breaker.ts";
import { assertInvariant } from "./invariants.ts";
import { createFifo, type Fifo } from "./fifo.ts";
import { createLanes, type InLanes } from "./lanes.ts";
import { isNewWork, type OutboxRecord } from "./outbox-record.ts";

/** A waiting message and what happened to it in this run of the daemon. */
export interface OutboxEntry extends InLanes {
  readonly seq: number;
  /** Id of the envelope. */
  readonly id: string;
  readonly priority: Priority;
  readonly exp: number;
  /** It asks for something new, so a recipient without room may refuse it; what continues or ends work goes all the same. */
  readonly isWork: boolean;
  /** The message itself where it is kept in memory; else it is read from the disk when it is sent. */
  record?: OutboxRecord;
  attempts: number;
  /** An earlier run of the daemon may have sent it. */
  maybeTried?: boolean;
  /** What it is about, where it may be taken back as long as it was not handed over; see hand-over.ts for the next two. */
  readonly movable?: string;
  /** The disk says that it was not handed over, or is about to say so. */
  unsent?: boolean;
  /** The link has begun to send it in this run of the daemon. */
  handed?: boolean;
  /** The link has begun to send it in this try. */
  left?: boolean;
  /**
   * It left, or lies where its recipient gets it without a connection, and nobody knows what became of it: the recipient may have it, and then its room
   * does not matter, and what waits behind may go.
   */
  mayBeThere?: boolean;
  lastError?: string;
  /** Its receipt came another way while it was in flight, so what becomes of that try no longer counts. */
  isSettled?: true;
  state: "waiting" | "flying" | "gone";
  /** Failures of the stream before it was sent: what was sent before the last failure tells nothing new. */
  round: number;
}

/**
 * The lanes of a message. Within a session new work waits for all that was before it. What continues work waits for no new work: two agents whose full
 * inboxes refuse each other's would otherwise keep back the very results that make room.
 */
function lanesOf({ lane, sessionLane }: OutboxRecord, isWork: boolean): Pick<InLanes, "lanes" | "after"> {
  if (sessionLane === undefined) return { lanes: [lane] };
  const told = `session ${sessionLane} told`;
  return isWork ? { lanes: [lane, `session ${sessionLane}`], after: [told] } : { lanes: [lane, told] };
}

/** A new entry. */
export const entryOf = (record: OutboxRecord): OutboxEntry => ({
  ...lanesOf(record, isNewWork(record.message.type)),
  seq: record.seq,
  id: record.id,
  priority: record.priority,
  exp: record.exp,
  isWork: isNewWork(record.message.type),
  ...(record.movable === true ? { movable: record.ref ?? record.id } : {}),
  blockers: 0,
  followers: [],
  removed: false,
  attempts: 0,
  state: "waiting",
  round: 0,
});

const PRIORITIES: readonly Priority[] = ["P0", "P1", "P2", "P3"];
/** Failures in a row after which a recipient is left alone for longer. */
const BREAKER = { failures: 5, openMs: 5_000, maxOpenMs: RETRY_MAX_MS };

/** Wait before the next try after `failures` failures in a row: doubles, bounded, and somewhere in its upper half (`chance` from 0 to 1). */
export const backoffMs = (failures: number, chance: number): number =>
  Math.round(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures - 1, 20)) * (0.5 + chance / 2));

/** A moment to wait for. After the clock was set back it may lie further ahead than any wait: then it counts as come. */
const stillAhead = (at: number, nowMs: number): boolean => at > nowMs && at - nowMs <= RETRY_MAX_MS;

/** Makes the stream to one recipient. */
export function createSendStream(window: number) {
  const entries = new Map<number, OutboxEntry>();
  const ready = PRIORITIES.map((): { work: Fifo<OutboxEntry>; other: Fifo<OutboxEntry> } => ({ work: createFifo(), other: createFifo() }));
  const parked = new Map<OutboxEntry, number>();
  const attempts = new Map<OutboxEntry, Attempt>();
  const flyingLanes = new Set<string>();
  let now = 0;
  const newBreaker = () => createCircuitBreaker({ clock: { now: () => now } }, BREAKER);
  let breaker = newBreaker();
  let failures = 0;
  let round = 0;
  let blockedUntil = 0;
  let busyUntil = 0;
  let roomUnsure = false;
  let workInFlight = 0;

  const makeReady = (entry: OutboxEntry): void => {
    const queues = ready[PRIORITIES.indexOf(entry.priority)];
    // Else new work that is refused again and again would keep back the very message that makes room.
    (entry.isWork && entry.mayBeThere !== true ? queues?.work : queues?.other)?.push(entry);
  };
  const lanes = createLanes<OutboxEntry>(makeReady);

  const unpark = (nowMs: number): void => {
    for (const [entry, until] of parked) {
      if (stillAhead(until, nowMs)) continue;
      parked.delete(entry);
      makeReady(entry);
    }
  };

  /** Where many wait so, the reason is not theirs: then nothing goes for a while. */
  const parkUntil = (entry: OutboxEntry, until: number): void => {
    parked.set(entry, until);
    if (parked.size > window) blockedUntil = until;
  };
  const park = (entry: OutboxEntry, nowMs: number, chance: number): void => parkUntil(entry, nowMs + backoffMs(entry.attempts, chance));

  const first = (queue: Fifo<OutboxEntry>): OutboxEntry | undefined => {
    while (queue.peek()?.state === "gone") queue.shift();
    return queue.peek();
  };

  /** The queue to take from: the highest priority first, and of one priority what continues work before new work. */
  const nextQueue = (workAllowed: boolean): Fifo<OutboxEntry> | undefined => {
    for (const { work, other } of ready) {
      if (first(other) !== undefined) return other;
      if (workAllowed && first(work) !== undefined) return work;
    }
    return undefined;
  };

  const landed = (entry: OutboxEntry): Attempt | undefined => {
    const attempt = attempts.get(entry);
    attempts.delete(entry);
    for (const lane of entry.lanes) flyingLanes.delete(lane);
    if (entry.isWork) workInFlight--;
    entry.state = "waiting";
    return attempt;
  };

  const end = (entry: OutboxEntry): void => {
    entry.state = "gone";
    entries.delete(entry.seq);
    parked.delete(entry);
  };

  return {
    add(entry: OutboxEntry): void {
      entries.set(entry.seq, entry);
      lanes.add(entry);
    },

    /** Takes the next message to send; undefined where none may be sent now. @throws GaggleError INTERNAL for a broken invariant */
    take(nowMs: number): OutboxEntry | undefined {
      now = nowMs;
      unpark(nowMs);
      if (stillAhead(blockedUntil, nowMs) || attempts.size >= (failures > 0 ? 1 : window)) return undefined;
      const workAllowed = !stillAhead(busyUntil, nowMs) && !(roomUnsure && workInFlight > 0);
      const queue = nextQueue(workAllowed);
      if (queue === undefined) return undefined;
      const attempt = breaker.attempt();
      if (attempt === undefined) return undefined;
      const entry = queue.shift();
      if (entry === undefined) return undefined;
      assertInvariant(attempts.size < window, "outbox.window", { inFlight: attempts.size, window });
      for (const lane of entry.lanes) assertInvariant(!flyingLanes.has(lane), "outbox.one-in-lane", { seq: entry.seq });
      for (const lane of entry.lanes) flyingLanes.add(lane);
      attempts.set(entry, attempt);
      if (entry.isWork) workInFlight++;
      entry.state = "flying";
      entry.left = false;
      entry.round = round;
      return entry;
    },

    /** The message in flight is settled, delivered or dead; the next of its lanes may go. `reached` where the recipient answered. */
    settled(entry: OutboxEntry, reached: boolean): void {
      const attempt = landed(entry);
      if (reached) {
        failures = 0;
        if (entry.isWork) roomUnsure = false;
        attempt?.succeeded();
      } else attempt?.abandoned();
      end(entry);
      lanes.settle(entry);
    },

    /** The recipient could not be reached; it is left alone for a while. The message goes behind others, never behind its own lanes. */
    failed(entry: OutboxEntry, nowMs: number, chance: number): void {
      now = nowMs;
      const attempt = landed(entry);
      // One that never left waits for the recipient's room like all new work: else it would go before what is more urgent.
      if (entry.left === true) entry.mayBeThere = true;
      makeReady(entry);
      // Many in flight fail together when a connection ends: that is one failure.
      if (entry.round !== round) {
        attempt?.abandoned();
        return;
      }
      round++;
      failures++;
      attempt?.failed();
      const open = breaker.state().retryAtMs ?? 0;
      blockedUntil = Math.max(blockedUntil > nowMs + RETRY_MAX_MS ? 0 : blockedUntil, nowMs + backoffMs(failures, chance), open);
    },

    /**
     * The recipient has no room for new work: no more of it for a while, then one at a time until one is taken. Where it did not even take what
     * continues work, that message waits by itself: others of its kind may pass.
     */
    busy(entry: OutboxEntry, nowMs: number, waitMs: number): void {
      failures = 0;
      landed(entry)?.succeeded();
      entry.mayBeThere = false;
      roomUnsure = true;
      busyUntil = nowMs + Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, waitMs));
      if (entry.isWork) makeReady(entry);
      else parkUntil(entry, busyUntil);
    },

    /** The recipient refused this message for a reason that may pass: it alone waits. */
    refused(entry: OutboxEntry, nowMs: number, chance: number): void {
      failures = 0;
      landed(entry)?.succeeded();
      park(entry, nowMs, chance);
    },

    /** This side could not send it now, which says nothing about the recipient: it alone waits. */
    held(entry: OutboxEntry, nowMs: number, chance: number): void {
      landed(entry)?.abandoned();
      park(entry, nowMs, chance);
    },

    /** Takes a waiting message out; false where it is in flight. */
    remove(entry: OutboxEntry): boolean {
      if (entry.state !== "waiting") return false;
      end(entry);
      lanes.remove(entry);
      return true;
    },

    /** The recipient is there again, or has news: no more waiting. */
    unblock(): void {
      [blockedUntil, busyUntil, failures] = [0, 0, 0];
      breaker = newBreaker();
      for (const entry of parked.keys()) parked.set(entry, 0);
    },

    /** When something may be sent that may not be sent now; undefined where nothing waits for a time. */
    nextAt(nowMs: number): number | undefined {
      if (entries.size === 0) return undefined;
      if (stillAhead(blockedUntil, nowMs)) return blockedUntil;
      const waiting = [...parked.values(), busyUntil].filter((at) => stillAhead(at, nowMs));
      return waiting.length === 0 ? undefined : Math.min(...waiting);
    },

    /** Messages that wait, also those in flight, by number. */
    entries: (): ReadonlyMap<number, OutboxEntry> => entries,
    /** How the recipient stands: not reached, without room, or fine. */
    condition: (nowMs: number): "away" | "busy" | "fine" =>
      failures > 0 || breaker.state().state !== "closed" ? "away" : stillAhead(busyUntil, nowMs) || roomUnsure ? "busy" : "fine",
    breaker: (): BreakerState => breaker.state(),
    isEmpty: (): boolean => entries.size === 0,
  };
}
/** The stream to one recipient. */
export type SendStream = ReturnType<typeof createSendStream>;
