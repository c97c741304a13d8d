/** What a Goose hook does: registers sessions, lets the daemon decide on tool calls. Any failure is a no. */
import type { DaemonClient } from "../../mesh/client/connect-daemon.ts";
import { errorCode, GaggleError } from "../../mesh/contract/errors.ts";

/** Exit code 0 lets Goose go on; 2 denies, and `reason` is shown to person and model. */
export type HookOutcome = { readonly exitCode: 0 } | { readonly exitCode: 2; readonly reason: string };

/** The part of a hook's payload that is used; Goose sends more. */
interface HookPayload {
  readonly event: string;
  readonly sessionId: string;
  readonly tool: string | undefined;
  readonly workingDir: string | undefined;
}

function readPayload(text: string): HookPayload {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The cause is left out on purpose: it quotes the payload.
    throw new GaggleError("INVALID_INPUT", "Goose's hook payload is not valid JSON. Update Goose to 1.52 or newer.");
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const field = (key: string): string | undefined => (typeof fields[key] === "string" && fields[key] !== "" ? fields[key] : undefined);
  const event = field("event");
  const sessionId = field("session_id");
  if (event === undefined || sessionId === undefined) {
    throw new GaggleError("INVALID_INPUT", "Goose's hook payload names no event or session. Update Goose to 1.52 or newer.");
  }
  return { event, sessionId, tool: field("tool_name") ?? field("matcher_context"), workingDir: field("working_dir") };
}

async function act(payload: HookPayload, daemon: Pick<DaemonClient, "call">): Promise<HookOutcome> {
  const { event, sessionId, tool, workingDir } = payload;
  if (event === "SessionStart") {
    await daemon.call("session.register", { sessionId, workingDir });
    return { exitCode: 0 };
  }
  if (tool === undefined) throw new GaggleError("INVALID_INPUT", "Goose's hook payload names no tool. Update Goose to 1.52 or newer.");
  const { decision, reason } = await daemon.call("hook.decide", { event, sessionId, tool });
  return decision === "allow" ? { exitCode: 0 } : { exitCode: 2, reason };
}

/**
 * Decides on one hook event.
 * @param payload what Goose wrote to the hook's stdin
 * @param connect reaches the daemon
 */
export async function decideHook(payload: string, connect: () => Promise<Pick<DaemonClient, "call" | "close">>): Promise<HookOutcome> {
  try {
    const parsed = readPayload(payload);
    const daemon = await connect();
    try {
      return await act(parsed, daemon);
    } finally {
      daemon.close();
    }
  } catch (error) {
    const message = error instanceof GaggleError ? error.message : "The check failed. Run `gaggle doctor`, then try again.";
    return { exitCode: 2, reason: `Gaggle did not allow this (${errorCode(error)}): ${message}` };
  }
}
