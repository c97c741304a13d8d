/** Which Goose session a call belongs to, and whether it may call. */
import type { IncomingMessage } from "node:http";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { RUN_HEADER, sessionKey } from "../../mesh/contract/goose-session.ts";
import type { GatewayDeps, GatewaySession } from "./gateway-api.ts";
import type { GatewayProfile } from "../guard-rules.ts";

/** Goose sends the id that its hooks and MCP servers see. */
const SESSION_HEADER = "agent-session-id";
/** Goose's are `20261120_1`. Keys of the daemon's own with a colon, such as those of runs and tasks, name maps that no header may open. */
const USABLE = /^[\w.-]{1,200}$/;

/** A request's session as the daemon names it, or undefined where it names none. @throws GaggleError GUARD_REFUSED for one that can't be used */
export function readSessionId(request: IncomingMessage): string | undefined {
  const given = request.headers[SESSION_HEADER];
  if (given === undefined || given === "") return undefined;
  if (typeof given !== "string" || !USABLE.test(given))
    throw new GaggleError("GUARD_REFUSED", "The session id is not usable; start a new session.");
  return sessionKey(given, request.headers[RUN_HEADER] !== undefined);
}

/** The session, where it registered. @throws GaggleError SESSION_UNKNOWN where it did not and the role's profile wants that */
export function requireSession(
  sessionId: string | undefined,
  deps: Pick<GatewayDeps, "session">,
  profile: Pick<GatewayProfile, "unregistered">,
): GatewaySession | undefined {
  const session = sessionId === undefined ? undefined : deps.session(sessionId);
  if (session !== undefined || profile.unregistered === "allow") return session;
  throw new GaggleError(
    "SESSION_UNKNOWN",
    "This session never registered with the agent daemon; run `gaggle setup`, then start Goose anew.",
  );
}
