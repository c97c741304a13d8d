/** One tool of an MCP server: what Goose is told about it and what it does. */
import type { z } from "zod";

/** What Goose tells about a tool call, in `_meta`. */
export interface ToolCall {
  /** Goose's session: the same id that hooks and the model gateway see. */
  readonly sessionId?: string;
  /** The model's id of this call. */
  readonly toolCallId?: string;
  readonly workingDir?: string;
  /** Aborts when Goose cancels the call or ends. */
  readonly signal: AbortSignal;
  /** Names this very call: session, call id and a hash of tool and arguments; random where Goose names no session. */
  readonly defaultIdempotencyKey: string;
}

/** What a tool gives back: data after the output schema, and a sentence or a few lines on it. The model gets the text and the data's JSON. */
export interface ToolResult<Output> {
  readonly structured: Output;
  readonly text: string;
}

/** A tool. `run` throws GaggleError; its code and message become a tool error. */
export interface ToolDefinition<Input extends z.ZodObject, Output extends z.ZodObject> {
  /** Name as in `<extension>__<name>`. */
  readonly name: string;
  readonly title: string;
  /** For a model: what it does, when to use it, what comes back. */
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  /** Changes nothing anywhere; Goose may then run it without asking. */
  readonly readOnly: boolean;
  /** May throw away something that a person would miss (default false). */
  readonly destructive?: boolean;
  run(input: z.output<Input>, call: ToolCall): Promise<ToolResult<z.input<Output>>>;
}

/** A tool whose own types are hidden, so that tools fit in one list. */
export interface Tool {
  readonly definition: Omit<ToolDefinition<z.ZodObject, z.ZodObject>, "run">;
  /** @param input already parsed by the input schema */
  run(input: unknown, call: ToolCall): Promise<ToolResult<unknown>>;
}

/** Makes a tool; the types of `run` follow from the schemas. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(definition: ToolDefinition<Input, Output>): Tool {
  // Only serve-tools calls it, with what the input schema gave.
  return { definition, run: (input, call) => definition.run(input as z.output<Input>, call) };
}
