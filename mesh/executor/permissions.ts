/** Answers Goose's question before each tool call of a run. Fails closed: a tool that can't be named is not run. */
import type { RequestPermissionRequest, RequestPermissionResponse, SessionNotification } from "@agentclientprotocol/sdk";

/** The tool by which Goose takes a recipe's typed result. */
export const FINAL_OUTPUT_TOOL = "recipe__final_output";

/** A decision on one tool call; `reason` is for the audit. */
export interface ToolDecision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Decides on a tool as `extension__tool` within a Goose session. */
export type AuthoriseTool = (call: { readonly tool: string; readonly sessionId: string }) => Promise<ToolDecision> | ToolDecision;

/** The permission side of one run. */
export interface PermissionGate {
  /** Takes an update of the session, to learn which call is which tool. */
  observe(notification: SessionNotification): void;
  /** Answers one question. Never with `allow_always`, which Goose would keep. */
  answer(request: RequestPermissionRequest): Promise<RequestPermissionResponse>;
  /** From then on every question is answered `cancelled`, since Goose would otherwise wait for it. */
  cancel(): void;
  /** Arguments of the call that Goose accepted as the recipe's result, or undefined. */
  finalOutput(): unknown;
}

/** Makes the gate of one run. `authorise` that throws is a deny. */
export function createPermissionGate(authorise: AuthoriseTool): PermissionGate {
  const calls = new Map<string, { tool: string | undefined; input: unknown }>();
  let canceled = false;
  let output: unknown;

  const observe = ({ update }: SessionNotification): void => {
    if (update.sessionUpdate === "tool_call") {
      const tool = toolName(update._meta);
      const known = calls.get(update.toolCallId);
      // Two tools under one id can't be told apart when Goose asks, so neither is run.
      calls.set(update.toolCallId, { tool: known === undefined || known.tool === tool ? tool : undefined, input: update.rawInput });
    } else if (update.sessionUpdate === "tool_call_update" && update.status === "completed") {
      const call = calls.get(update.toolCallId);
      if (call?.tool === FINAL_OUTPUT_TOOL) output = call.input;
    }
  };

  const allowed = async (tool: string | undefined, sessionId: string): Promise<boolean> => {
    if (tool === undefined) return false;
    return tool === FINAL_OUTPUT_TOOL || (await authorise({ tool, sessionId })).allowed;
  };

  const answer = async ({ sessionId, toolCall, options }: RequestPermissionRequest): Promise<RequestPermissionResponse> => {
    const grant = !canceled && (await allowed(calls.get(toolCall.toolCallId)?.tool, sessionId));
    const option = options.find(({ kind }) => kind === (grant ? "allow_once" : "reject_once"));
    return canceled || option === undefined
      ? { outcome: { outcome: "cancelled" } }
      : { outcome: { outcome: "selected", optionId: option.optionId } };
  };

  return {
    observe,
    answer,
    cancel: () => {
      canceled = true;
    },
    finalOutput: () => output,
  };
}

/** Goose names the tool of a call in `_meta.goose.toolCall.toolName`. */
function toolName(meta: unknown): string | undefined {
  const goose = field(meta, "goose");
  const name = field(field(goose, "toolCall"), "toolName");
  return typeof name === "string" && name !== "" ? name : undefined;
}

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
