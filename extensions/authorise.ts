/**
 * An MCP server's own check of each call: the daemon must know the session and policy must allow the tool. Goose's hooks don't see children of
 * `delegate`, inner calls of code mode and an ACP client's direct calls; this does. Source: design, Trust; docs/threat-model.md.
 */
import { GaggleError } from "../mesh/contract/errors.ts";
import type { DaemonLink } from "./daemon-link.ts";
import type { ToolCall } from "./define-tool.ts";

/** Asked before a tool runs. @throws GaggleError SESSION_UNKNOWN, POLICY_DENIED; whatever kept it from an answer */
export type Authorise = (tool: string, call: Pick<ToolCall, "sessionId" | "signal">) => Promise<void>;

/** Makes the check of one server. @param server its name, as in `<server>__<tool>` */
export function authoriseBy(daemon: Pick<DaemonLink, "call">, server: string): Authorise {
  return async (tool, { sessionId = "", signal }) => {
    const { decision, reason } = await daemon.call("hook.decide", { event: "ToolCall", sessionId, tool: `${server}__${tool}` }, { signal });
    if (decision !== "allow") throw new GaggleError("POLICY_DENIED", reason);
  };
}
