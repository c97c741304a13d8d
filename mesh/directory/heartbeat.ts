/**
 * Load and health: each agent tells connected members its own, on change and every 15 seconds, and keeps what they told. Nothing of it is signed:
 * who said it is known by the connection, it counts for 45 seconds, and it only orders those whom policy allows anyway. Sans-IO. Source: spec M6.
 */
import { BEAT_INTERVAL_MS, BEAT_STALE_MS } from "../contract/limits.ts";
import type { Clock, Random } from "../contract/ports.ts";
import type { CardLink } from "./card-spread.ts";
import { type Beat, encodeCards } from "./card-wire.ts";

/** How often this agent looks whether its load has changed enough to be told before its time. */
const LOOK_MS = 2_000;

/** What the heartbeat needs. */
export interface HeartbeatDeps {
  readonly link: CardLink;
  readonly clock: Clock;
  readonly random: Random;
  /** This agent's load now. */
  load(): Beat;
  /** Runs at a time of this agent. */
  concurrency(): number;
}

/** Load of this agent and of the others. */
export interface Heartbeat {
  /** A member told its load. */
  take(from: string, beat: Beat): void;
  /** What a connected agent told last, where it is still worth something. */
  of(agentId: string): Beat | undefined;
  /** A member is connected: it is told at once. */
  met(agentId: string): void;
  /** A member is gone: what it told is worth nothing now. */
  gone(agentId: string): void;
  start(): void;
  stop(): void;
}

/** Tells nobody before it is started. */
export function createHeartbeat(deps: HeartbeatDeps): Heartbeat {
  const told = new Map<string, { readonly at: number; readonly beat: Beat }>();
  let lastLevel = "";
  let nextAt = 0;
  let stopped = false;
  let cancel = (): void => undefined;

  /** What of a load others would choose otherwise by; each run that begins or ends is not worth telling everyone. */
  const levelOf = ({ running, queued, busy, guardUp, acceptingUntil }: Beat): string => {
    const work = running + queued;
    return [work === 0 ? "idle" : work < deps.concurrency() ? "working" : "full", busy, guardUp, acceptingUntil ?? ""].join(" ");
  };

  const tell = (agentId: string, beat: Beat): void => {
    // A member of an older version, or one that is just gone: its turn comes again.
    deps.link.request(agentId, encodeCards({ v: 1, kind: "beat", beat })).catch(() => undefined);
  };

  const look = (): void => {
    const beat = deps.load();
    const level = levelOf(beat);
    if (deps.clock.now() >= nextAt || level !== lastLevel) {
      lastLevel = level;
      const unit = (deps.random.bytes(1)[0] ?? 0) / 256;
      nextAt = deps.clock.now() + BEAT_INTERVAL_MS * (0.75 + unit / 4);
      for (const id of deps.link.members()) tell(id, beat);
    }
    plan();
  };

  const plan = (): void => {
    if (!stopped) cancel = deps.clock.after(LOOK_MS, look);
  };

  return {
    take: (from, beat) => void told.set(from, { at: deps.clock.now(), beat }),
    of(agentId) {
      const known = told.get(agentId);
      return known === undefined || deps.clock.now() - known.at > BEAT_STALE_MS ? undefined : known.beat;
    },
    met: (agentId) => tell(agentId, deps.load()),
    gone: (agentId) => void told.delete(agentId),
    start: plan,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
