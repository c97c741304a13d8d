/** What a Goose hook does: registers sessions, lets the daemon decide on tool calls, tells a chat of its inbox. Any failure denies a tool call. */
import type { DaemonClient } from "../../mesh/client/connect-daemon.ts";
import { errorCode, GaggleError } from "../../mesh/contract/errors.ts";
import { sessionKey } from "../../mesh/contract/goose-session.ts";

/** Exit code 0 lets Goose go on; 2 denies, and `reason` is shown to person and model. */
export type HookOutcome = { readonly exitCode: 0 } | { readonly exitCode: 2; readonly reason: string };

/** What a hook needs. */
export interface HookDeps {
  /** Reaches the daemon. @param start whether a daemon that does not run is started */
  connect(options: { start: boolean }): Promise<Pick<DaemonClient, "call" | "close">>;
  /** Whether this is the Goose of an unattended run. */
  readonly isRun: boolean;
}

/** The part of a hook's payload that is used; Goose sends more. */
interface HookPayload {
  readonly event: string;
  readonly sessionId: string;
  readonly tool: string | undefined;
  readonly workingDir: string | undefined;
}

/** Below the time-outs in hooks.json, so that the reason told is ours. */
const TOOL_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3_000;
/** Goose fires `SessionStart` for a new session only: one that is resumed over ACP or by `goose run --resume` shows first by its prompt. */
const REGISTERS = new Set(["SessionStart", "UserPromptSubmit"]);
/** A turn that can't end because a check failed would help nobody. */
const END_OF_TURN = "Stop";

const outdated = (what: string): GaggleError =>
  new GaggleError("INVALID_INPUT", `Goose's hook payload ${what}. Update Goose to 1.52 or newer.`);

function readPayload(text: string): HookPayload {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The cause is left out on purpose: it quotes the payload.
    throw outdated("is not valid JSON");
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const field = (key: string): string | undefined => (typeof fields[key] === "string" && fields[key] !== "" ? fields[key] : undefined);
  const event = field("event");
  const sessionId = field("session_id");
  if (event === undefined || sessionId === undefined) throw outdated("names no event or session");
  return { event, sessionId, tool: field("tool_name") ?? field("matcher_context"), workingDir: field("working_dir") };
}

async function ask(payload: HookPayload, { connect, isRun }: HookDeps): Promise<HookOutcome> {
  const { event, tool, workingDir } = payload;
  const sessionId = sessionKey(payload.sessionId, isRun);
  const daemon = await connect({ start: event !== END_OF_TURN });
  try {
    if (REGISTERS.has(event)) {
      await daemon.call("session.register", { sessionId, workingDir }, { timeoutMs: TOOL_TIMEOUT_MS });
      return { exitCode: 0 };
    }
    if (tool === undefined && event !== END_OF_TURN) throw outdated("names no tool");
    const timeoutMs = event === END_OF_TURN ? STOP_TIMEOUT_MS : TOOL_TIMEOUT_MS;
    const { decision, reason } = await daemon.call("hook.decide", { event, sessionId, tool: tool ?? "" }, { timeoutMs });
    if (event === END_OF_TURN) return decision === "block" ? { exitCode: 2, reason } : { exitCode: 0 };
    return decision === "allow" ? { exitCode: 0 } : { exitCode: 2, reason };
  } finally {
    daemon.close();
  }
}

/**
 * Decides on one hook event.
 * @param payload what Goose wrote to the hook's stdin
 */
export async function decideHook(payload: string, deps: HookDeps): Promise<HookOutcome> {
  let event: string | undefined;
  try {
    const parsed = readPayload(payload);
    ({ event } = parsed);
    return await ask(parsed, deps);
  } catch (error) {
    if (event === END_OF_TURN) return { exitCode: 0 };
    const message = error instanceof GaggleError ? error.message : "The check failed. Run `gaggle doctor`, then try again.";
    return { exitCode: 2, reason: `Gaggle did not allow this (${errorCode(error)}): ${message}` };
  }
}
