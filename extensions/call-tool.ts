/** Runs one tool for one MCP request: checks input, calls it, makes the answer. */
import { createHash, randomUUID } from "node:crypto";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { z } from "zod";
import { errorCode, GaggleError } from "../mesh/contract/errors.ts";
import { sessionKey } from "../mesh/contract/goose-session.ts";
import { parseAs } from "../mesh/contract/json.ts";
import type { Authorise } from "./authorise.ts";
import type { Tool, ToolCall } from "./define-tool.ts";

/** What a `tools/call` request says. */
export interface ToolRequest {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
}

const MAX_KEY_CHARS = 200;

const textOf = (meta: ToolRequest["_meta"], key: string): string | undefined => {
  const value = meta?.[key];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** Call ids of small models repeat within a session, so tool and arguments belong to the key too. */
function idempotencyKey(request: ToolRequest, sessionId: string | undefined, toolCallId: string | undefined): string {
  if (sessionId === undefined || toolCallId === undefined) return randomUUID();
  const hash = createHash("sha256").update(JSON.stringify([sessionId, toolCallId, request.name, request.arguments ?? {}]));
  return `${sessionId}/${toolCallId}`.slice(0, MAX_KEY_CHARS - 33).concat("/", hash.digest("hex").slice(0, 32));
}

/** Where a tool is called. */
export interface ToolContext {
  /** Says no by an error; asked before each call. */
  readonly authorise: Authorise;
  /** Whether this is the Goose of an unattended run. */
  readonly isRun: boolean;
}

/** What Goose tells about the call, from its `_meta`. */
function toolCall(request: ToolRequest, isRun: boolean, signal: AbortSignal): ToolCall {
  const gooseId = textOf(request._meta, "agent-session-id");
  const sessionId = gooseId === undefined ? undefined : sessionKey(gooseId, isRun);
  const toolCallId = textOf(request._meta, "agent-tool-call-request-id");
  const workingDir = textOf(request._meta, "agent-working-dir");
  return {
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(toolCallId === undefined ? {} : { toolCallId }),
    ...(workingDir === undefined ? {} : { workingDir }),
    signal,
    defaultIdempotencyKey: idempotencyKey(request, sessionId, toolCallId),
  };
}

/** Models write null for what they leave out. */
function withoutNulls(schema: z.ZodObject, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const optional = (key: string): boolean => {
    const field = schema.shape[key] as z.ZodType | undefined;
    return field?.safeParse(undefined).success === true && !field.safeParse(null).success;
  };
  return Object.fromEntries(Object.entries(input).filter(([key, value]) => value !== null || !optional(key)));
}

const failure = (error: unknown): CallToolResult => {
  // Messages of other errors may quote a user's text or a path.
  const message = error instanceof GaggleError ? error.message : "The extension failed. Run `gaggle doctor`, then try again.";
  return { isError: true, content: [{ type: "text", text: `${errorCode(error)}: ${message}` }] };
};

/**
 * Runs the tool that a request names. Errors become tool errors, whose text is `CODE: what is wrong and how to mend it`.
 * @param signal aborts when Goose cancels the call
 */
export async function callTool(
  tools: readonly Tool[],
  request: ToolRequest,
  { authorise, isRun }: ToolContext,
  signal: AbortSignal,
): Promise<CallToolResult> {
  try {
    const tool = tools.find((candidate) => candidate.definition.name === request.name);
    if (tool === undefined) {
      const names = tools.map((candidate) => candidate.definition.name).join(", ");
      throw new GaggleError("NOT_FOUND", `There is no such tool here. The tools are: ${names}.`);
    }
    const { input, output } = tool.definition;
    const call = toolCall(request, isRun, signal);
    await authorise(request.name, call);
    const checked = parseAs<unknown>(input, withoutNulls(input, request.arguments ?? {}), request.name);
    const { structured, text } = await tool.run(checked, call);
    const parsed = output.safeParse(structured);
    if (!parsed.success) throw new GaggleError("INTERNAL", `The result of ${request.name} is not as its schema says. Report this bug.`);
    // Goose gives a model the text alone, so the data is there too, as MCP asks for: one JSON text, after the sentence.
    const data: CallToolResult["content"][number] = { type: "text", text: JSON.stringify(parsed.data) };
    return { structuredContent: parsed.data, content: [{ type: "text", text }, data] };
  } catch (error) {
    return failure(error);
  }
}
