/** `gaggle guard forget`: deletes maps that the agent keeps. */
import type { DaemonClient } from "../../client/connect-daemon.ts";
import { GaggleError } from "../../contract/errors.ts";
import { asSeen, type Output } from "../output.ts";
import { parseMapRef } from "./map-ref.ts";

/** Which maps; exactly one of them is given. */
export interface ForgetRequest {
  /** A Goose session. */
  readonly session?: string;
  /** A text's map as `mask` named it. */
  readonly map?: string;
  /** Everything. */
  readonly all?: true;
}

/** The session that is meant; undefined for all. @throws GaggleError INVALID_INPUT */
function sessionOf({ session, map, all }: ForgetRequest): string | undefined {
  if (all === true) return undefined;
  const found = session ?? (map === undefined ? undefined : parseMapRef(map)?.sessionId);
  if (found !== undefined) return found;
  const why = map === undefined ? "Say which maps" : "That is no map of the agent's; a map file you can delete yourself";
  throw new GaggleError("INVALID_INPUT", `${why}: --session ID, --map REFERENCE as mask named it, or --all.`);
}

/**
 * Asks the daemon to delete them; a session without a map is fine.
 * @throws GaggleError INVALID_INPUT where it isn't said which, or no map is named so
 */
export async function forgetMaps(daemon: Pick<DaemonClient, "call">, out: Output, request: ForgetRequest): Promise<void> {
  const sessionId = sessionOf(request);
  await daemon.call("guard.forget", sessionId === undefined ? {} : { sessionId });
  out.result({ forgotten: sessionId ?? "all" });
  out.line(
    sessionId === undefined
      ? "All maps are deleted, and the key that could read what the disk may still hold of them."
      : `The map of ${asSeen(sessionId)} is deleted, if there was one. Its tokens stay tokens.`,
  );
}
