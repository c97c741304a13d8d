/** Reads the conversation of a chat completions request, as far as a rehearsal needs it. Source: OpenAI API, chat completions. */
import { z } from "zod";
import type { Json } from "../../contract/json.ts";

const content = z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() })), z.null()]).optional();
const message = z.looseObject({ role: z.string(), content, tool_call_id: z.string().optional() });

/** The body of `POST /v1/chat/completions`; keys that a rehearsal doesn't read are let through. */
export const chatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).optional(),
  stream: z.boolean().optional(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
});
/** The body of `POST /v1/chat/completions`. */
export type ChatRequest = z.infer<typeof chatRequest>;

/** What a tool answered: its JSON where it gave any, and whether it is an error. */
export interface ToolAnswer {
  readonly value: Json | undefined;
  readonly failed: boolean;
}

/** What a rehearsal looks at. */
export interface Conversation {
  /** System messages and the first user message. */
  readonly opening: string;
  readonly tools: ReadonlySet<string>;
  /** Answers by the id of the tool call. */
  readonly answers: ReadonlyMap<string, ToolAnswer>;
}

/** Takes the request apart. Counts no messages: Goose may drop, join and split them. */
export function readConversation({ messages, tools = [] }: ChatRequest): Conversation {
  const system = messages.filter(({ role }) => role === "system" || role === "developer");
  const firstUser = messages.filter(({ role }) => role === "user").slice(0, 1);
  const answers = messages.flatMap((m) =>
    m.role === "tool" && m.tool_call_id !== undefined ? [[m.tool_call_id, toolAnswer(textOf(m))] as const] : [],
  );
  return {
    opening: [...system, ...firstUser].map(textOf).join("\n"),
    tools: new Set(tools.map((tool) => tool.function.name)),
    answers: new Map(answers),
  };
}

function textOf(m: z.infer<typeof message>): string {
  if (typeof m.content === "string") return m.content;
  return (m.content ?? []).map(({ text }) => text ?? "").join("\n");
}

/** Gaggle's tools answer with a sentence and then one JSON text, which Goose joins; their errors are `CODE: message`, without JSON. */
function toolAnswer(text: string): ToolAnswer {
  const value = trailingJson(text);
  return { value, failed: value === undefined };
}

const MAX_STARTS = 64;

/** The JSON that the text ends with, or undefined. */
function trailingJson(text: string): Json | undefined {
  let start = text.search(/[[{]/);
  for (let tries = 0; start !== -1 && tries < MAX_STARTS; tries++) {
    const value = parsed(text.slice(start));
    if (value !== undefined) return value;
    const next = text.slice(start + 1).search(/[[{]/);
    start = next === -1 ? -1 : start + 1 + next;
  }
  return undefined;
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
