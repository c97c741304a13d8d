/**
 * Walks a chat-completions request and hands every text in it to a visitor. What is not known by name is refused, so that nothing
 * can pass unseen: fields, roles, content blocks.
 */
import type { Json, JsonObject } from "../../mesh/contract/json.ts";
import { refuse, safeName } from "./refusal.ts";

/** What happens to the texts of a request. `where` is a path such as `messages[3].content`. */
export interface RequestVisitor {
  /** A text for the model; returns what takes its place. */
  text(text: string, where: string): string;
  /** Arguments of a tool call, JSON in text form; returns what takes its place. */
  jsonText(text: string, where: string): string;
  /** A name or number that can't be replaced without breaking the request; throws where it holds anything personal. */
  fixed(text: string, where: string): void;
}

type Walk = (value: Json, where: string, visitor: RequestVisitor) => Json;

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** Calls `walk` for each field by its name; an unknown field is refused where it holds anything but switches and small numbers. */
function walkFields(value: Json, where: string, visitor: RequestVisitor, fields: Readonly<Record<string, Walk>>): JsonObject {
  if (!isObject(value)) throw refuse(`The guard expected an object at ${where}, so the request was not sent.`, where);
  const walked = Object.entries(value).map(([name, child]): [string, Json] => {
    const walk = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const path = where === "" ? safeName(name) : `${where}.${safeName(name)}`;
    if (walk !== undefined) return [name, child === null ? null : walk(child, path, visitor)];
    return [name, unknownField(name, child, path, visitor)];
  });
  return Object.fromEntries(walked);
}

function unknownField(name: string, value: Json, where: string, visitor: RequestVisitor): Json {
  visitor.fixed(name, where);
  const harmless = value === null || typeof value === "boolean" || (typeof value === "number" && Math.abs(value) < 1_000_000);
  if (!harmless)
    throw refuse(`The guard does not know the field ${where} and can't check it, so the request was not sent.`, where, "UNKNOWN_FIELD");
  return value;
}

const walkList =
  (walk: Walk): Walk =>
  (value, where, visitor) => {
    if (!Array.isArray(value)) throw refuse(`The guard expected a list at ${where}, so the request was not sent.`, where);
    return value.map((item, i) => walk(item, `${where}[${i}]`, visitor));
  };

const text: Walk = (value, where, visitor) => (typeof value === "string" ? visitor.text(value, where) : fixed(value, where, visitor));

/** A value that must stay as it is: names, switches, numbers. */
const fixed: Walk = (value, where, visitor) => {
  if (typeof value === "string") visitor.fixed(value, where);
  else if (typeof value === "number") visitor.fixed(String(value), where);
  else if (Array.isArray(value)) for (const [i, item] of value.entries()) fixed(item, `${where}[${i}]`, visitor);
  else if (isObject(value))
    for (const [key, child] of Object.entries(value)) {
      visitor.fixed(key, where);
      fixed(child, `${where}.${safeName(key)}`, visitor);
    }
  return value;
};

/** A tree whose texts may be replaced and whose keys and numbers stay: JSON schemas. */
const tree: Walk = (value, where, visitor) => {
  if (typeof value === "string") return visitor.text(value, where);
  if (Array.isArray(value)) return value.map((item, i) => tree(item, `${where}[${i}]`, visitor));
  if (!isObject(value)) return fixed(value, where, visitor);
  return Object.fromEntries(
    Object.entries(value).map(([key, child]): [string, Json] => {
      visitor.fixed(key, where);
      return [key, tree(child, `${where}.${safeName(key)}`, visitor)];
    }),
  );
};

/** JSON as text or as a tree: names and values are read together, since `birth_date` tells what a date is. */
const argumentsText: Walk = (value, where, visitor) =>
  typeof value === "string" ? visitor.jsonText(value, where) : (JSON.parse(visitor.jsonText(JSON.stringify(value), where)) as Json);

/** A content block; only text can be checked. */
const contentPart: Walk = (value, where, visitor) => {
  const type = isObject(value) ? value["type"] : undefined;
  if (type !== "text" && type !== "refusal") {
    throw refuse(
      `The guard can't read the content block of type ${safeName(type)} at ${where}, so the request was not sent. Remove it, or send it as text.`,
      where,
      "UNREADABLE_BLOCK",
    );
  }
  return walkFields(value, where, visitor, { type: fixed, text, refusal: text, cache_control: fixed });
};

const content: Walk = (value, where, visitor) =>
  Array.isArray(value) ? walkList(contentPart)(value, where, visitor) : text(value, where, visitor);

const toolCall: Walk = (value, where, visitor) => {
  if (isObject(value) && value["type"] !== undefined && value["type"] !== "function") {
    throw refuse(`The guard does not know the kind of tool call at ${where}, so the request was not sent.`, where, "UNREADABLE_BLOCK");
  }
  return walkFields(value, where, visitor, {
    id: text,
    type: fixed,
    index: fixed,
    function: (inner, path) => walkFields(inner, path, visitor, { name: fixed, arguments: argumentsText }),
  });
};

const ROLES: ReadonlySet<unknown> = new Set(["system", "developer", "user", "assistant", "tool"]);

const message: Walk = (value, where, visitor) => {
  if (isObject(value) && !ROLES.has(value["role"])) {
    throw refuse(`The guard does not know the role of ${where}, so the request was not sent.`, where, "UNKNOWN_FIELD");
  }
  return walkFields(value, where, visitor, {
    role: fixed,
    content,
    name: text,
    refusal: text,
    reasoning_content: text,
    reasoning: text,
    tool_call_id: text,
    tool_calls: walkList(toolCall),
    cache_control: fixed,
  });
};

const tool: Walk = (value, where, visitor) => {
  if (!isObject(value) || value["type"] !== "function") {
    throw refuse(`The guard does not know the kind of tool at ${where}, so the request was not sent.`, where, "UNREADABLE_BLOCK");
  }
  return walkFields(value, where, visitor, {
    type: fixed,
    cache_control: fixed,
    function: (inner, path) => walkFields(inner, path, visitor, { name: fixed, description: text, parameters: tree, strict: fixed }),
  });
};

const FIELDS: Readonly<Record<string, Walk>> = {
  messages: walkList(message),
  tools: walkList(tool),
  response_format: tree,
  metadata: argumentsText,
  user: text,
  safety_identifier: text,
  prompt_cache_key: text,
  stop: (value, where, visitor) => (Array.isArray(value) ? walkList(text)(value, where, visitor) : text(value, where, visitor)),
  ...Object.fromEntries(
    [
      "model",
      "tool_choice",
      "stream",
      "stream_options",
      "reasoning_effort",
      "reasoning",
      "service_tier",
      "verbosity",
      "logit_bias",
      "modalities",
    ].map((name) => [name, fixed]),
  ),
  ...Object.fromEntries(["max_tokens", "max_completion_tokens", "seed"].map((name) => [name, fixed])),
};

/**
 * Walks a request body.
 * @returns the same request with each text as the visitor gave it back
 * @throws GaggleError GUARD_REFUSED for anything unknown, and what the visitor throws
 */
export const visitRequest = (body: Json, visitor: RequestVisitor): JsonObject => walkFields(body, "", visitor, FIELDS);
