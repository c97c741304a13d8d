/** The guard's verbs for people and tools: detect, process (mask) and restore. Source: spec G6. */
import type { DaemonRequest, DaemonResult } from "../mesh/contract/daemon-api.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { Detection } from "./detect/detection.ts";
import type { Finding } from "./detect/finding.ts";
import { withKnownValues } from "./detect/known-findings.ts";
import { findingsWithin } from "./detect/within-part.ts";
import { classModeOf, type GatewayProfile, isReplaced, rulesForMasking } from "./guard-rules.ts";
import { maskText, type Redactions } from "./pseudonym/mask-text.ts";
import { restoreText } from "./pseudonym/restore-text.ts";
import type { TokenSessions } from "./pseudonym/token-sessions.ts";

/** What the guard needs. */
export interface GuardDeps {
  readonly detection: Pick<Detection, "detect">;
  readonly sessions: TokenSessions;
  /** The role's rules. @throws GaggleError where there is no valid bundle: then nothing is masked */
  profile(): GatewayProfile;
}

/** A text to be masked. */
export type ProcessRequest = DaemonRequest<"guard.process">;

/** The guard's verbs; results are those of the daemon's `guard.*` methods. */
export interface Guard {
  /** The personal data and secrets of a text, as spans. @throws GaggleError GUARD_REFUSED where it could not be looked through */
  detect(text: string): Promise<DaemonResult<"guard.detect">>;
  /**
   * Masks a text with the session's tokens; resolves when they are on the disk.
   * @throws GaggleError GUARD_REFUSED when the session holds too many values, the text could not be looked through, or a class in it is blocked
   */
  process(request: ProcessRequest): Promise<DaemonResult<"guard.process">>;
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
export function createGuard({ detection, sessions, profile }: GuardDeps): Guard {
  const find = async (text: string): Promise<readonly Finding[]> => (await detection.detect([text]))[0] ?? incomplete();

  const process = async ({ text, sessionId, policy, before, after }: ProcessRequest): Promise<DaemonResult<"guard.process">> => {
    const rules = rulesForMasking(profile(), policy);
    const replaced = isReplaced(rules);
    const around = before + text + after;
    const found = findingsWithin(await find(around), around, { start: before.length, length: text.length }).filter(replaced);
    const blocked = found.find(({ label }) => classModeOf(rules, label) === "block");
    if (blocked !== undefined) throw blockedClass(blocked.label);
    const session = sessions.open(sessionId);
    session.meet(found);
    const redactions: Redactions = new Map();
    const masked = maskText(text, withKnownValues(text, found, session.known).filter(replaced), session, redactions);
    await session.settle();
    return { masked, mapRef: session.mapRef, redactions: redactionList(redactions) };
  };

  return {
    detect: async (text) => ({
      entities: (await find(text)).map(({ start, end, label, score, detector }) => ({ start, end, label, score, detector })),
    }),
    process,
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

const blockedClass = (label: string): GaggleError =>
  new GaggleError(
    "GUARD_REFUSED",
    `The text holds a value of class ${label}, which policy does not let go on. Take it out and try again.`,
    {
      details: { class: label },
    },
  );

function incomplete(): never {
  throw new GaggleError("GUARD_REFUSED", "The privacy guard could not look through the text; try again.");
}
