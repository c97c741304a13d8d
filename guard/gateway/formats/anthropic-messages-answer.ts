/** Anthropic messages: answers, whole and as events. Source: docs.anthropic.com, streaming messages. */
import type { Json, JsonObject } from "../../../mesh/contract/json.ts";
import { restoreText } from "../../pseudonym/restore-text.ts";
import { createLanes, type LaneSpec } from "../restore-lanes.ts";
import { restoreTree } from "../restore-tree.ts";
import type { AnswerContext, EventRestorer } from "./format.ts";
import { isObject, stringOr } from "./walk.ts";

function restoreBlock(block: Json, { replacements, seals }: AnswerContext): Json {
  if (!isObject(block)) return block;
  const { type, thinking, signature, data } = block;
  if (type === "redacted_thinking") {
    if (typeof data === "string") seals.keep(data, "", "");
    return block;
  }
  const restored = restoreTree(block, replacements) as JsonObject;
  if (type !== "thinking" || typeof thinking !== "string" || typeof signature !== "string") return restored;
  seals.keep(signature, thinking, restoreText(thinking, replacements.text));
  return { ...restored, signature };
}

/** A message with its content restored; everything else as it came. */
export function restoreMessage(body: JsonObject, context: AnswerContext): JsonObject {
  const content = body["content"];
  return Array.isArray(content) ? { ...body, content: content.map((block) => restoreBlock(block, context)) } : body;
}

/** The field of a delta that carries text, by the delta's type. */
const DELTAS: Readonly<Record<string, { readonly field: string; readonly kind: LaneSpec["kind"] }>> = {
  text_delta: { field: "text", kind: "text" },
  thinking_delta: { field: "thinking", kind: "text" },
  input_json_delta: { field: "partial_json", kind: "json" },
};

/** One block of the stream, as far as it has come. */
interface OpenBlock {
  /** Thinking as the server said it. */
  said: string;
  signature: string;
  /** The tool, of a call. */
  readonly tool: string | undefined;
}

/** Makes a restorer for one streamed answer. */
export function createMessageEvents(context: AnswerContext): EventRestorer {
  const { replacements, seals } = context;
  const lanes = createLanes(replacements);
  const open = new Map<number, OpenBlock>();

  const laneOf = (index: number, type: string): LaneSpec | undefined => {
    const delta = DELTAS[type];
    if (delta === undefined) return undefined;
    const event = (piece: string): JsonObject => ({ type: "content_block_delta", index, delta: { type, [delta.field]: piece } });
    return { name: `${index}:${type}`, kind: delta.kind, tool: open.get(index)?.tool, event };
  };

  /** What a block begins with is the first piece of its text. */
  const start = (index: number, event: JsonObject): JsonObject[] => {
    const block = isObject(event["content_block"]) ? event["content_block"] : {};
    const type = stringOr(block["type"]);
    const { thinking, name } = block;
    const tool = typeof name === "string" ? name : undefined;
    open.set(index, { said: type === "thinking" && typeof thinking === "string" ? thinking : "", signature: "", tool });
    const lane = laneOf(index, `${type}_delta`);
    const first = block[type];
    if (lane === undefined || typeof first !== "string") return [{ ...event, content_block: restoreBlock(block, context) }];
    return [{ ...event, content_block: { ...block, [type]: lanes.push(lane, first) } }];
  };

  const restoreDelta = (index: number, delta: JsonObject): { before: JsonObject[]; delta: JsonObject } => {
    const type = stringOr(delta["type"]);
    const lane = laneOf(index, type);
    const field = DELTAS[type]?.field ?? "";
    const block = open.get(index);
    const piece = delta[field];
    if (lane === undefined || typeof piece !== "string") {
      if (block !== undefined && typeof delta["signature"] === "string") block.signature += delta["signature"];
      // A signature closes its text.
      const sealed = type === "signature_delta";
      return { before: sealed ? flush(index) : [], delta: sealed ? delta : (restoreTree(delta, replacements) as JsonObject) };
    }
    if (block !== undefined && type === "thinking_delta") block.said += piece;
    return { before: [], delta: { ...delta, [field]: lanes.push(lane, piece) } };
  };

  const flush = (index: number): JsonObject[] => lanes.flush(({ name }) => name.startsWith(`${index}:`));

  const stop = (index: number, event: JsonObject): JsonObject[] => {
    const block = open.get(index);
    if (block !== undefined && block.signature !== "") seals.keep(block.signature, block.said, restoreText(block.said, replacements.text));
    open.delete(index);
    return [...flush(index), event];
  };

  return {
    push: (event) => {
      const index = typeof event["index"] === "number" ? event["index"] : 0;
      if (event["type"] === "content_block_start") return start(index, event);
      if (event["type"] === "content_block_stop") return stop(index, event);
      if (event["type"] === "content_block_delta" && isObject(event["delta"])) {
        const { before, delta } = restoreDelta(index, event["delta"]);
        return [...before, { ...event, delta }];
      }
      if (event["type"] === "message_start" && isObject(event["message"]))
        return [{ ...event, message: restoreMessage(event["message"], context) }];
      const restored = restoreTree(event, replacements) as JsonObject;
      return event["type"] === "message_stop" ? [...lanes.flush(), restored] : [restored];
    },
    end: () => lanes.flush(),
  };
}
