/** The guard's verbs for people and tools: detect, process (mask) and restore. Source: spec G6. */
import type { DaemonResult } from "../mesh/contract/daemon-api.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { Detector } from "./detect/detector.ts";
import { maskText, type Redactions } from "./pseudonym/mask-text.ts";
import { restoreText } from "./pseudonym/restore-text.ts";
import type { TokenSessions } from "./pseudonym/token-sessions.ts";

/** What the guard needs. */
export interface GuardDeps {
  readonly detector: Detector;
  readonly sessions: TokenSessions;
}

/** The guard's verbs; results are those of the daemon's `guard.*` methods. */
export interface Guard {
  /** The personal data and secrets of a text, as spans. */
  detect(text: string): DaemonResult<"guard.detect">;
  /**
   * Masks a text with the session's tokens.
   * @throws GaggleError GUARD_REFUSED when the session holds too many values
   */
  process(text: string, sessionId: string): DaemonResult<"guard.process">;
  /**
   * Puts the values back: exactly the text that was masked. Tokens of other sessions stay as they are.
   * @throws GaggleError NOT_FOUND for an unknown or expired session, GUARD_REFUSED for another session's map
   */
  restore(masked: string, mapRef: string, sessionId: string): DaemonResult<"guard.restore">;
}

/** Redactions as audit events and results list them. */
export const redactionList = (redactions: Redactions): { class: string; count: number }[] =>
  Array.from(redactions, ([name, count]) => ({ class: name, count })).toSorted((a, b) => (a.class < b.class ? -1 : 1));

/** Makes the guard's verbs. */
export function createGuard({ detector, sessions }: GuardDeps): Guard {
  return {
    detect: (text) => ({
      entities: detector.detect(text).map(({ start, end, label, score, detector: name }) => ({ start, end, label, score, detector: name })),
    }),
    process: (text, sessionId) => {
      const session = sessions.open(sessionId);
      const redactions: Redactions = new Map();
      const masked = maskText(text, detector.detect(text, session.known), session, redactions);
      return { masked, mapRef: session.mapRef, redactions: redactionList(redactions) };
    },
    restore: (masked, mapRef, sessionId) => {
      const session = sessions.find(sessionId);
      if (session === undefined) {
        throw new GaggleError(
          "NOT_FOUND",
          "This session has no map of masked values, or it has expired; mask the text again with process.",
        );
      }
      if (session.mapRef !== mapRef) {
        throw new GaggleError("GUARD_REFUSED", "The map belongs to another session; restore in the session that masked the text.");
      }
      return { text: restoreText(masked, (token) => session.lookup(token)?.surface) };
    },
  };
}
