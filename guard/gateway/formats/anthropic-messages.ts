/** Anthropic messages: requests. Source: docs.anthropic.com API reference, messages; Goose 1.52 as captured. */
import type { Json, JsonObject } from "../../../mesh/contract/json.ts";
import { readBase64Text } from "../data-url.ts";
import { safeName } from "../refusal.ts";
import type { Format } from "./format.ts";
import {
  argumentsOf,
  each,
  type ElementWalk,
  fixed,
  id,
  isObject,
  LEFT_OUT,
  listOf,
  type RequestVisitor,
  text,
  textOr,
  tree,
  unknownKind,
  type Walk,
  walkFields,
} from "./walk.ts";

const note = (value: string): JsonObject => ({ type: "text", text: value });

const textBlock: Walk = (value, where, visitor) =>
  walkFields(value, where, visitor, { type: fixed, text, citations: tree, cache_control: fixed });

/** Sealed reasoning goes back exactly as it came, or not at all: changed, the model's server would refuse it. */
const thinking: ElementWalk = (value, where, visitor) => {
  if (!isObject(value)) throw unknownKind("block", where);
  const { thinking: said, signature, ...rest } = value;
  if (typeof signature !== "string" || typeof said !== "string") return LEFT_OUT;
  const original = visitor.sealed(signature, said, where);
  return original === undefined
    ? LEFT_OUT
    : { ...walkFields(rest, where, visitor, { type: fixed, cache_control: fixed }), thinking: original, signature };
};

const redactedThinking: ElementWalk = (value, where, visitor) => {
  const seal = isObject(value) ? value["data"] : undefined;
  if (typeof seal !== "string" || visitor.sealed(seal, "", where) === undefined) return LEFT_OUT;
  return { type: "redacted_thinking", data: seal };
};

/** A document that is text goes on as text; any other can't be read. */
const document: Walk = (value, where, visitor) => {
  if (!isObject(value) || !isObject(value["source"])) throw unknownKind("document", where);
  const { source, title, context } = value;
  const head = [title, context].filter((part) => typeof part === "string").map((part) => `${part}\n`);
  const content = textOfSource(source);
  return note(content === undefined ? visitor.unreadable("document", where) : visitor.text(head.join("") + content, where));
};

function textOfSource(source: JsonObject): string | undefined {
  const { type, media_type: mediaType, data } = source;
  if (typeof data !== "string") return undefined;
  if (type === "text") return data;
  return type === "base64" && typeof mediaType === "string" ? readBase64Text(mediaType, data) : undefined;
}

const BLOCKS: Readonly<Record<string, ElementWalk>> = {
  text: textBlock,
  thinking,
  redacted_thinking: redactedThinking,
  document,
  tool_use: (value, where, visitor) =>
    walkFields(value, where, visitor, { id, input: argumentsOf, ...each(["type", "name", "cache_control", "caller"], fixed) }),
  tool_result: (value, where, visitor) =>
    walkFields(value, where, visitor, { tool_use_id: id, content, ...each(["type", "is_error", "cache_control"], fixed) }),
  search_result: (value, where, visitor) =>
    walkFields(value, where, visitor, {
      source: text,
      title: text,
      content: listOf(block),
      ...each(["type", "citations", "cache_control"], fixed),
    }),
};

/** A block that the table doesn't know can't be read: images, files, uploads, what servers' own tools said. */
const block: ElementWalk = (value, where, visitor) => {
  const type = isObject(value) ? value["type"] : undefined;
  const walk = typeof type === "string" && Object.hasOwn(BLOCKS, type) ? BLOCKS[type] : undefined;
  if (walk !== undefined) return walk(value, where, visitor);
  return note(visitor.unreadable(type === "image" ? "image" : `content block ${safeName(type)}`, where));
};

const blocks = listOf(block);

/** A text or blocks; where every block had to go, a note, since the API takes no empty message. */
const content: Walk = (value: Json, where: string, visitor: RequestVisitor) => {
  if (!Array.isArray(value)) return text(value, where, visitor);
  const walked = blocks(value, where, visitor) as Json[];
  return walked.length === 0 && value.length > 0 ? [note("[Reasoning was left out here.]")] : walked;
};

const ROLES: ReadonlySet<unknown> = new Set(["user", "assistant", "system"]);

const message: Walk = (value, where, visitor) => {
  if (isObject(value) && !ROLES.has(value["role"])) throw unknownKind("role", where);
  return walkFields(value, where, visitor, { role: fixed, content });
};

const tool: Walk = (value, where, visitor) => {
  if (!isObject(value) || (value["type"] ?? "custom") !== "custom") throw unknownKind("kind of tool", where);
  return walkFields(value, where, visitor, {
    description: text,
    input_schema: tree,
    input_examples: argumentsOf,
    ...each(["type", "name", "cache_control", "strict", "allowed_callers"], fixed),
  });
};

const FIELDS: Readonly<Record<string, Walk>> = {
  messages: listOf(message),
  system: textOr(listOf(textBlock)),
  tools: listOf(tool),
  metadata: argumentsOf,
  stop_sequences: listOf(text),
  output_format: tree,
  output_config: tree,
  ...each(["model", "max_tokens", "stream", "thinking", "tool_choice", "service_tier", "context_management", "cache_control"], fixed),
};

/** Walks a request; see {@link Format.visit}. */
export const visitMessages: Format["visit"] = (body, visitor) => walkFields(body, "", visitor, FIELDS);
