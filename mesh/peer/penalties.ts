/**
 * Members that were cut off for what they did stay out for a while, longer each time, so that coming back costs them more than it costs us. While one is
 * out, its tries count at the door like a stranger's. On the injected clock. Source: docs/decisions/0131-penalties.md
 */
import type { Clock } from "../contract/ports.ts";
import { MAX_PENALTIES, PENALTY_FORGET_MS, PENALTY_MAX_MS, PENALTY_MIN_MS } from "./protocols.ts";

/** Who is out. */
export interface Penalties {
  /** A member broke the protocol or a limit. */
  offended(agentId: string): void;
  /** Whether a member's connections are refused now. */
  isOut(agentId: string): boolean;
}

interface Penalty {
  readonly from: number;
  readonly ms: number;
}

/** Nobody is out yet. */
export function createPenalties({ clock }: { readonly clock: Pick<Clock, "now"> }): Penalties {
  const penalties = new Map<string, Penalty>();

  /** A clock that was set back keeps nobody out for longer. */
  const since = ({ from }: Penalty): number => Math.abs(clock.now() - from);

  return {
    offended(agentId) {
      const last = penalties.get(agentId);
      const ms = last === undefined || since(last) > PENALTY_FORGET_MS ? PENALTY_MIN_MS : Math.min(PENALTY_MAX_MS, last.ms * 2);
      penalties.delete(agentId);
      penalties.set(agentId, { from: clock.now(), ms });
      const [oldest] = penalties.keys();
      if (penalties.size > MAX_PENALTIES && oldest !== undefined) penalties.delete(oldest);
    },
    isOut(agentId) {
      const last = penalties.get(agentId);
      return last !== undefined && since(last) < last.ms;
    },
  };
}
