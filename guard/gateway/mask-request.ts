/** Masks a whole request in a session: first everything is looked at, then everything is replaced, so that the order of messages doesn't matter. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Json, JsonObject } from "../../mesh/contract/json.ts";
import type { Detector } from "../detect/detector.ts";
import type { Finding } from "../detect/finding.ts";
import { maskText, type Redactions } from "../pseudonym/mask-text.ts";
import type { TokenSession } from "../pseudonym/token-sessions.ts";
import { maskArguments } from "./mask-arguments.ts";
import { refuse } from "./refusal.ts";
import { visitRequest } from "./visit-request.ts";

/** What the guard does with a request: nothing; count only; mask; mask, and refuse the blocked classes. */
export type GuardMode = "off" | "detect-only" | "mask-and-forward" | "strict";

/** How a request is treated. */
export interface MaskPolicy {
  readonly mode: GuardMode;
  /** Classes that `strict` refuses. */
  readonly blocked: readonly string[];
}

/** A request as it goes on, and what was found in it. */
export interface MaskedRequest {
  readonly body: Json;
  readonly redactions: Redactions;
}

/** Remembers findings of a text until the session knows more values than when they were made. */
function createFinder(detector: Detector, session: TokenSession): (text: string) => readonly Finding[] {
  const seen = new Map<string, { size: number; findings: readonly Finding[] }>();
  return (text) => {
    const held = seen.get(text);
    if (held !== undefined && held.size === session.known.size) return held.findings;
    const findings = detector.detect(text, session.known);
    seen.set(text, { size: session.known.size, findings });
    return findings;
  };
}

/** Refuses blocked classes, and anything personal where it can't be replaced. */
function inspect(body: Json, find: (text: string) => readonly Finding[], session: TokenSession, policy: MaskPolicy): void {
  const look = (text: string, where: string): string => {
    const findings = find(text);
    const blocked = policy.mode === "strict" ? findings.find((finding) => policy.blocked.includes(finding.label)) : undefined;
    if (blocked !== undefined) {
      throw refuse(
        `A value of class ${blocked.label} stands at ${where}; policy does not let this class go to a model. Take it out and try again.`,
        where,
        blocked.label,
      );
    }
    for (const finding of findings)
      session.tokenFor(finding.label, { surface: text.slice(finding.start, finding.end), value: finding.value });
    return text;
  };
  const fixed = (text: string, where: string): void => {
    const first = find(text)[0];
    if (first === undefined) return;
    throw refuse(
      `A value of class ${first.label} stands at ${where}, in a name or number that can't be masked; the request was not sent.`,
      where,
      first.label,
    );
  };
  visitRequest(body, { text: look, jsonText: look, fixed });
}

function replace(body: Json, find: (text: string) => readonly Finding[], session: TokenSession, redactions: Redactions): JsonObject {
  const mask: Parameters<typeof maskArguments>[1] = (text, wrap) => maskText(text, find(text), session, redactions, wrap);
  return visitRequest(body, {
    text: (text) => mask(text),
    jsonText: (text) => maskArguments(text, mask),
    fixed: () => undefined,
  });
}

/** Counts what is found; a part that the guard can't read counts as `UNREADABLE`. */
function count(body: Json, detector: Detector): Redactions {
  const redactions: Redactions = new Map();
  const add = (name: string): Redactions => redactions.set(name, (redactions.get(name) ?? 0) + 1);
  const look = (text: string): string => {
    for (const finding of detector.detect(text)) add(finding.label);
    return text;
  };
  try {
    visitRequest(body, { text: look, jsonText: look, fixed: look });
  } catch (error) {
    if (!(error instanceof GaggleError)) throw error;
    add("UNREADABLE");
  }
  return redactions;
}

/**
 * Applies the guard to a request.
 * @throws GaggleError GUARD_REFUSED with `where` and, where known, `class` in its details
 */
export function maskRequest(body: Json, detector: Detector, session: TokenSession, policy: MaskPolicy): MaskedRequest {
  if (policy.mode === "off") return { body, redactions: new Map() };
  if (policy.mode === "detect-only") return { body, redactions: count(body, detector) };
  const find = createFinder(detector, session);
  inspect(body, find, session, policy);
  const redactions: Redactions = new Map();
  return { body: replace(body, find, session, redactions), redactions };
}
