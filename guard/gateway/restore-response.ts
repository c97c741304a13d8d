/** Puts values back into a chat completion that came in one piece. */
import type { Json, JsonObject } from "../../mesh/contract/json.ts";
import { type Replacement, restoreText } from "../pseudonym/restore-text.ts";
import type { TokenSession } from "../pseudonym/token-sessions.ts";

/** How values are written in text, and inside JSON strings. */
export interface Replacements {
  readonly text: Replacement;
  readonly json: Replacement;
}

/** The replacements of a session: values as they read decoded, escaped where they go into JSON text. */
export const replacementsOf = (session: TokenSession): Replacements => ({
  text: (token) => session.lookup(token)?.value,
  json: (token) => {
    const value = session.lookup(token)?.value;
    return value === undefined ? undefined : JSON.stringify(value).slice(1, -1);
  },
});

/** Every text of a tree restored; keys too. */
export function restoreTree(value: Json, replacement: Replacement): Json {
  if (typeof value === "string") return restoreText(value, replacement);
  if (Array.isArray(value)) return value.map((item) => restoreTree(item, replacement));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]): [string, Json] => [restoreText(key, replacement), restoreTree(child, replacement)]),
  );
}

/** True for a JSON object. */
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const restoreCall = (call: Json, { text, json }: Replacements): Json => {
  if (!isObject(call) || !isObject(call["function"])) return call;
  const given = call["function"]["arguments"];
  const restored = typeof given === "string" ? restoreText(given, json) : given === undefined ? undefined : restoreTree(given, text);
  return {
    ...call,
    id: restoreTree(call["id"] ?? null, text),
    function: { ...call["function"], ...(restored === undefined ? {} : { arguments: restored }) },
  };
};

function restoreMessage(message: JsonObject, replacements: Replacements): JsonObject {
  const calls = message["tool_calls"];
  return Object.fromEntries(
    Object.entries(message).map(([name, value]): [string, Json] => {
      if (name === "role") return [name, value];
      if (name === "tool_calls" && Array.isArray(calls)) return [name, calls.map((call) => restoreCall(call, replacements))];
      return [name, restoreTree(value, replacements.text)];
    }),
  );
}

/** A completion with its tokens restored in messages and in the arguments of tool calls; everything else as it came. */
export function restoreResponse(body: JsonObject, replacements: Replacements): JsonObject {
  const choices = body["choices"];
  if (!Array.isArray(choices)) return body;
  return {
    ...body,
    choices: choices.map((choice) =>
      isObject(choice) && isObject(choice["message"]) ? { ...choice, message: restoreMessage(choice["message"], replacements) } : choice,
    ),
  };
}
