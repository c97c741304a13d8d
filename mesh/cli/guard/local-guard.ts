/** The guard's verbs inside a command, without the daemon. Its tokens have keys that nobody else has, and mean nothing outside of its map. */
import { createGuard, type Guard } from "../../../guard/guard.ts";
import type { GatewayProfile } from "../../../guard/guard-rules.ts";
import { createTokenSessions } from "../../../guard/pseudonym/token-sessions.ts";
import type { IssuedToken } from "../../../guard/pseudonym/token-session.ts";
import { systemClock, systemRandom } from "../../agent/system.ts";
import { guardProfile } from "../../contract/guard-policy.ts";
import type { LocalDetection } from "./local-detection.ts";

const MAX_VALUES = 1_000_000;

/** The guard and what its tokens stand for. */
export interface LocalGuard {
  readonly guard: Guard;
  /** Tokens of a session so far. */
  issued(sessionId: string): Iterable<IssuedToken>;
}

/** The role's rules; where there is no role, what Gaggle does by default. */
export const profileOf = ({ bundle }: Pick<LocalDetection, "bundle">): GatewayProfile =>
  bundle?.profile.guard ?? guardProfile.parse({ mode: "mask-and-forward" });

/** Makes it; what it knows is forgotten with the process. */
export function createLocalGuard(local: LocalDetection): LocalGuard {
  const sessions = createTokenSessions(
    { clock: systemClock, random: systemRandom },
    { epochs: [{ epoch: 1, key: systemRandom.bytes(32) }], maxValues: MAX_VALUES, maxTotalValues: MAX_VALUES },
  );
  const guard = createGuard({ detection: local.detection, sessions, profile: () => profileOf(local) });
  return { guard, issued: (sessionId) => sessions.find(sessionId)?.issued() ?? [] };
}
