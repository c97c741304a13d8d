/** OpenAI chat completions: requests. Source: platform.openai.com API reference, chat/create; Goose 1.52 as captured. */
import { safeName } from "../refusal.ts";
import { fileText } from "./file-text.ts";
import type { Format } from "./format.ts";
import {
  argumentsOf,
  each,
  fixed,
  id,
  isObject,
  listOf,
  stringOr,
  text,
  textOr,
  tree,
  unknownKind,
  type Walk,
  walkFields,
} from "./walk.ts";

const TEXT_PARTS: ReadonlySet<unknown> = new Set(["text", "refusal"]);
const PART_KINDS: Readonly<Record<string, string>> = { image_url: "image", input_audio: "audio" };

/** What can't be read goes by policy, in place of it a text. */
const contentPart: Walk = (value, where, visitor) => {
  const type = isObject(value) ? value["type"] : undefined;
  if (TEXT_PARTS.has(type)) return walkFields(value, where, visitor, { type: fixed, text, refusal: text, cache_control: fixed });
  if (type === "file") return { type: "text", text: fileText(isObject(value) ? value["file"] : undefined, where, visitor) };
  return { type: "text", text: visitor.unreadable(PART_KINDS[stringOr(type)] ?? `content block ${safeName(type)}`, where) };
};

const toolCall: Walk = (value, where, visitor) => {
  if (isObject(value) && value["type"] !== undefined && value["type"] !== "function") throw unknownKind("kind of tool call", where);
  return walkFields(value, where, visitor, {
    id,
    type: fixed,
    index: fixed,
    function: (inner, path) => walkFields(inner, path, visitor, { name: fixed, arguments: argumentsOf }),
  });
};

const ROLES: ReadonlySet<unknown> = new Set(["system", "developer", "user", "assistant", "tool"]);

const message: Walk = (value, where, visitor) => {
  if (isObject(value) && !ROLES.has(value["role"])) throw unknownKind("role", where);
  return walkFields(value, where, visitor, {
    role: fixed,
    content: textOr(listOf(contentPart)),
    tool_call_id: id,
    tool_calls: listOf(toolCall),
    cache_control: fixed,
    ...each(["name", "refusal", "reasoning_content", "reasoning"], text),
  });
};

const tool: Walk = (value, where, visitor) => {
  if (!isObject(value) || value["type"] !== "function") throw unknownKind("kind of tool", where);
  return walkFields(value, where, visitor, {
    type: fixed,
    cache_control: fixed,
    function: (inner, path) => walkFields(inner, path, visitor, { name: fixed, description: text, parameters: tree, strict: fixed }),
  });
};

const FIELDS: Readonly<Record<string, Walk>> = {
  messages: listOf(message),
  tools: listOf(tool),
  response_format: tree,
  store: () => false,
  metadata: argumentsOf,
  stop: textOr(listOf(text)),
  ...each(["user", "safety_identifier", "prompt_cache_key"], text),
  ...each(["model", "tool_choice", "stream", "stream_options", "reasoning_effort", "reasoning", "service_tier", "verbosity"], fixed),
  ...each(["logit_bias", "modalities", "max_tokens", "max_completion_tokens", "seed", "prompt_cache_retention"], fixed),
};

/** Walks a request; nothing of it may be kept at the vendor, so `store` goes on as false at most. */
export const visitChat: Format["visit"] = (body, visitor) => walkFields(body, "", visitor, FIELDS);
