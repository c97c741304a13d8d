/** OpenAI responses: requests. Source: platform.openai.com API reference, responses/create; Goose 1.52 as captured. */
import type { JsonObject } from "../../../mesh/contract/json.ts";
import { refuse, safeName } from "../refusal.ts";
import { fileText } from "./file-text.ts";
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
  stringOr,
  text,
  textOr,
  tree,
  unknownKind,
  type Walk,
  walkFields,
} from "./walk.ts";

const TEXT_PARTS: ReadonlySet<unknown> = new Set(["input_text", "output_text", "text", "refusal", "summary_text", "reasoning_text"]);
const PART_KINDS: Readonly<Record<string, string>> = { input_image: "image", input_audio: "audio", computer_screenshot: "image" };

const contentPart: Walk = (value, where, visitor) => {
  const type = isObject(value) ? value["type"] : undefined;
  if (TEXT_PARTS.has(type))
    return walkFields(value, where, visitor, { type: fixed, text, refusal: text, annotations: tree, logprobs: dropped });
  if (type === "input_file") return { type: "input_text", text: fileText(value, where, visitor) };
  return { type: "input_text", text: visitor.unreadable(PART_KINDS[stringOr(type)] ?? `content block ${safeName(type)}`, where) };
};

/** Tells tokens of an earlier answer, cut as the model cut them: of no use to it, and not to be read piece by piece. */
const dropped: Walk = () => null;

const parts = textOr(listOf(contentPart));
const ROLES: ReadonlySet<unknown> = new Set(["system", "developer", "user", "assistant"]);

const message: Walk = (value, where, visitor) => {
  if (isObject(value) && !ROLES.has(value["role"])) throw unknownKind("role", where);
  return walkFields(value, where, visitor, { id, content: parts, ...each(["type", "role", "status", "phase"], fixed) });
};

const CALL_FIELDS = { id, call_id: id, ...each(["type", "status", "name", "namespace"], fixed) };

/** The model's own reasoning; sealed, it goes back only where this gateway saw it come. */
const reasoning: ElementWalk = (value, where, visitor) => {
  const seal = (isObject(value) ? value["encrypted_content"] : undefined) ?? null;
  if (seal !== null && (typeof seal !== "string" || visitor.sealed(seal, "", `${where}.encrypted_content`) === undefined)) return LEFT_OUT;
  return walkFields(value, where, visitor, {
    id,
    summary: listOf(contentPart),
    content: listOf(contentPart),
    encrypted_content: (sealed) => sealed,
    ...each(["type", "status"], fixed),
  });
};

const ITEMS: Readonly<Record<string, ElementWalk>> = {
  message,
  reasoning,
  function_call: (value, where, visitor) => walkFields(value, where, visitor, { ...CALL_FIELDS, arguments: argumentsOf }),
  function_call_output: (value, where, visitor) => walkFields(value, where, visitor, { ...CALL_FIELDS, output: parts }),
  custom_tool_call: (value, where, visitor) => walkFields(value, where, visitor, { ...CALL_FIELDS, input: text }),
  custom_tool_call_output: (value, where, visitor) => walkFields(value, where, visitor, { ...CALL_FIELDS, output: parts }),
  item_reference: (_value, where) => {
    throw atTheVendor("An item by reference", where);
  },
};

/** An item that the table doesn't know stands for content that can't be read. */
const item: ElementWalk = (value, where, visitor) => {
  const type = isObject(value) ? (value["type"] ?? "message") : undefined;
  const walk = typeof type === "string" && Object.hasOwn(ITEMS, type) ? ITEMS[type] : undefined;
  return walk === undefined ? note(`item ${safeName(type)}`, where, visitor) : walk(value, where, visitor);
};

const note = (kind: string, where: string, visitor: RequestVisitor): JsonObject => ({
  type: "message",
  role: "user",
  content: [{ type: "input_text", text: visitor.unreadable(kind, where) }],
});

const atTheVendor = (what: string, where: string): Error =>
  refuse(
    `${what} at ${where} stands for a text that lies at the model's server, where the guard can't check it. Send the text itself.`,
    where,
    "UNREADABLE_BLOCK",
  );

const tool: Walk = (value, where, visitor) => {
  if (!isObject(value) || (value["type"] !== "function" && value["type"] !== "custom")) throw unknownKind("kind of tool", where);
  return walkFields(value, where, visitor, {
    description: text,
    parameters: tree,
    format: tree,
    ...each(["type", "name", "strict"], fixed),
  });
};

const FIELDS: Readonly<Record<string, Walk>> = {
  input: textOr(listOf(item)),
  tools: listOf(tool),
  text: tree,
  metadata: argumentsOf,
  ...each(["instructions", "user", "safety_identifier", "prompt_cache_key"], text),
  ...each(["model", "include", "max_output_tokens", "parallel_tool_calls", "reasoning", "service_tier", "stream", "stream_options"], fixed),
  ...each(["tool_choice", "truncation", "prompt_cache_retention"], fixed),
  ...each(["previous_response_id", "conversation", "prompt"], (_value, where) => {
    throw atTheVendor("What the request names", where);
  }),
};

/** Walks a request; nothing of it may be kept at the vendor, so `store` is always false. */
export const visitResponses: Format["visit"] = (body, visitor) => ({ ...walkFields(body, "", visitor, FIELDS), store: false });
