/** OpenAI chat completions: answers, whole and as chunks. */
import type { Json, JsonObject } from "../../../mesh/contract/json.ts";
import { createLanes, type Lanes, type LaneSpec } from "../restore-lanes.ts";
import { type Replacements, restoreTree } from "../restore-tree.ts";
import type { EventRestorer } from "./format.ts";
import { isObject, stringOr } from "./walk.ts";

/** The text fields of a delta. */
const TEXT_FIELDS = ["content", "reasoning_content", "reasoning", "refusal"] as const;
const JSON_FIELDS = ["arguments"];

/** A completion with its messages restored; everything else as it came. */
export function restoreChat(body: JsonObject, replacements: Replacements): JsonObject {
  const choices = body["choices"];
  if (!Array.isArray(choices)) return body;
  return {
    ...body,
    choices: choices.map((choice) =>
      isObject(choice) && isObject(choice["message"])
        ? { ...choice, message: restoreTree(choice["message"], replacements, JSON_FIELDS) }
        : choice,
    ),
  };
}

/** The lanes of one choice: a field of its delta, or the arguments of one tool call. */
const textLane = (field: string): LaneSpec => ({ name: field, kind: "text", event: (piece) => ({ [field]: piece }) });
const callLane = (index: number, tool: string | undefined): LaneSpec => ({
  name: `tool:${index}`,
  kind: "json",
  tool,
  event: (piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] }),
});

/** One choice of a stream: its lanes, and the tools of its calls by their index, which only a call's first delta names. */
interface Choice {
  readonly lanes: Lanes;
  readonly tools: Map<number, string>;
}

function restoreCall(call: Json, position: number, { lanes, tools }: Choice): Json {
  if (!isObject(call) || !isObject(call["function"])) return call;
  const { name, arguments: piece } = call["function"];
  const index = typeof call["index"] === "number" ? call["index"] : position;
  if (typeof name === "string" && name !== "" && !tools.has(index)) tools.set(index, name);
  if (typeof piece !== "string") return call;
  return { ...call, function: { ...call["function"], arguments: lanes.push(callLane(index, tools.get(index)), piece) } };
}

/** Restores one delta; `before` are deltas that have to go out first. */
function restoreDelta(delta: JsonObject, choice: Choice): { before: JsonObject[]; delta: JsonObject } {
  const { lanes } = choice;
  const texts = TEXT_FIELDS.filter((field) => typeof delta[field] === "string" && delta[field] !== "");
  const calls = Array.isArray(delta["tool_calls"]) ? delta["tool_calls"] : undefined;
  const used = new Set<string>(texts);
  // Arguments of tool calls may come in turns, so one call's piece doesn't end another's. A field of text ends where something else begins:
  // clients stop reading text once a tool call begins.
  const before = used.size + (calls?.length ?? 0) === 0 ? [] : lanes.flush(({ name, kind }) => kind === "text" && !used.has(name));
  const restored = Object.fromEntries(texts.map((field) => [field, lanes.push(textLane(field), stringOr(delta[field]))]));
  const toolCalls = calls?.map((call, position) => restoreCall(call, position, choice));
  return { before, delta: { ...delta, ...restored, ...(toolCalls === undefined ? {} : { tool_calls: toolCalls }) } };
}

/** Makes a restorer for one streamed answer. */
export function createChatEvents(replacements: Replacements): EventRestorer {
  const choices = new Map<number, Choice>();
  let envelope: JsonObject = {};

  const chunkOf = (index: number, delta: JsonObject): JsonObject => ({ ...envelope, choices: [{ index, delta, finish_reason: null }] });
  const choiceAt = (index: number): Choice => {
    const choice = choices.get(index) ?? { lanes: createLanes(replacements), tools: new Map<number, string>() };
    choices.set(index, choice);
    return choice;
  };

  const restoreChoice = (given: Json): { before: JsonObject[]; given: Json } => {
    if (!isObject(given)) return { before: [], given };
    const index = typeof given["index"] === "number" ? given["index"] : 0;
    const choice = choiceAt(index);
    const { before, delta } = isObject(given["delta"]) ? restoreDelta(given["delta"], choice) : { before: [], delta: {} };
    const finished = given["finish_reason"] !== null && given["finish_reason"] !== undefined;
    const rest = finished ? choice.lanes.flush() : [];
    const deltas = rest.length > 0 ? [...before, delta, ...rest] : before;
    return { before: deltas.map((one) => chunkOf(index, one)), given: { ...given, delta: rest.length > 0 ? {} : delta } };
  };

  return {
    push: (chunk) => {
      if (!Array.isArray(chunk["choices"])) return [chunk];
      const { usage: _usage, choices: given, ...rest } = chunk;
      envelope = rest;
      const restored = (Array.isArray(given) ? given : []).map(restoreChoice);
      return [...restored.flatMap(({ before }) => before), { ...chunk, choices: restored.map((one) => one.given) }];
    },
    end: () => Array.from(choices).flatMap(([index, { lanes }]) => lanes.flush().map((delta) => chunkOf(index, delta))),
  };
}
