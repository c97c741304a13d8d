/**
 * Tells Goose's side calls, for a session's title and for the summary of a long session, from a chat's own turns, so that they may go to a
 * cheaper model. The shapes are those of Goose 1.52. A call that only resembles them is a chat, and nothing is allowed by it.
 */
import type { Json, JsonObject } from "../../mesh/contract/json.ts";
import { isObject } from "./formats/walk.ts";

const TITLE = { system: "Generate a short title (four words or less) for this conversation.", last: "---BEGIN " } as const;
const SUMMARY = {
  system: "## Task Context\n- An llm context limit was reached",
  last: "Please summarize the conversation history provided in the system prompt.",
} as const;

/** Text of a content: a string, or its parts one after another. */
function textOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : "")).join("");
}

/** System text and the other messages of a request of any of the APIs. */
function partsOf(body: JsonObject): { system: string; others: readonly JsonObject[] } {
  const list = body["messages"] ?? body["input"];
  const messages = Array.isArray(list) ? list.filter(isObject) : [];
  const isSystem = ({ role }: JsonObject): boolean => role === "system" || role === "developer";
  const beside = textOf(body["system"] ?? body["instructions"]);
  return {
    system: [beside, ...messages.filter(isSystem).map(({ content }) => textOf(content))].join(""),
    others: messages.filter((message) => !isSystem(message)),
  };
}

/** What a request is for. */
export function taskOf(body: JsonObject): "chat" | "title" | "summary" {
  const { system, others } = partsOf(body);
  const [only] = others;
  if (body["tools"] !== undefined || only === undefined || others.length > 1) return "chat";
  const asked = textOf(only["content"]);
  if (system.startsWith(TITLE.system) && asked.startsWith(TITLE.last)) return "title";
  return system.startsWith(SUMMARY.system) && asked.trim() === SUMMARY.last ? "summary" : "chat";
}
