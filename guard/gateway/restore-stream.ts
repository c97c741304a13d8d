/** Puts values back into streamed chunks of a chat completion, holding back only what may be an unfinished token. */
import type { Json, JsonObject } from "../../mesh/contract/json.ts";
import { createStreamRestorer, type StreamRestorer } from "../pseudonym/restore-text.ts";
import { isObject, type Replacements } from "./restore-response.ts";

/** The text fields of a delta. */
const TEXT_FIELDS = ["content", "reasoning_content", "reasoning", "refusal"] as const;

/** One stream of text in a choice: a field of its delta, or the arguments of one tool call. */
interface Lane {
  readonly restorer: StreamRestorer;
  /** Arguments of tool calls may come in turns, so one call's piece doesn't end another's; a field of text ends where something else begins. */
  readonly inTurns: boolean;
  /** A delta that carries this piece of the lane's text. */
  readonly delta: (piece: string) => JsonObject;
}

/** Restores a stream chunk by chunk. */
export interface ChunkRestorer {
  /** The chunks to send for one chunk of the model's. */
  push(chunk: JsonObject): JsonObject[];
  /** The chunks for what is still held; the stream is over. */
  end(): JsonObject[];
}

const argumentsDelta =
  (index: number) =>
  (piece: string): JsonObject => ({ tool_calls: [{ index, function: { arguments: piece } }] });

/** Restores the deltas of one choice. */
function createChoice(replacements: Replacements): {
  restore(delta: JsonObject): { before: JsonObject[]; delta: JsonObject };
  flush(): JsonObject[];
} {
  const lanes = new Map<string, Lane>();
  const lane = (name: string, json: boolean, delta: Lane["delta"]): StreamRestorer => {
    const restorer = (): StreamRestorer => createStreamRestorer(json ? replacements.json : replacements.text);
    const held = lanes.get(name) ?? { restorer: restorer(), inTurns: json, delta };
    lanes.set(name, held);
    return held.restorer;
  };

  const restoreCall = (call: Json, position: number, used: Set<string>): Json => {
    if (!isObject(call) || !isObject(call["function"]) || typeof call["function"]["arguments"] !== "string") return call;
    const index = typeof call["index"] === "number" ? call["index"] : position;
    const name = `tool:${index}`;
    used.add(name);
    const piece = lane(name, true, argumentsDelta(index)).push(call["function"]["arguments"]);
    return { ...call, function: { ...call["function"], arguments: piece } };
  };

  const flush = (ended: (name: string, lane: Lane) => boolean): JsonObject[] =>
    Array.from(lanes).flatMap(([name, held]) => {
      const rest = ended(name, held) ? held.restorer.end() : "";
      return rest === "" ? [] : [held.delta(rest)];
    });

  return {
    flush: () => flush(() => true),
    restore: (delta) => {
      const used = new Set<string>();
      const restored: JsonObject = { ...delta };
      for (const field of TEXT_FIELDS) {
        const piece = delta[field];
        if (typeof piece !== "string" || piece === "") continue;
        used.add(field);
        restored[field] = lane(field, false, (rest) => ({ [field]: rest })).push(piece);
      }
      const calls = delta["tool_calls"];
      if (Array.isArray(calls)) restored["tool_calls"] = calls.map((call, position) => restoreCall(call, position, used));
      // Clients stop reading text once a tool call begins, so what another lane holds has to go out before.
      return { before: used.size === 0 ? [] : flush((name, { inTurns }) => !inTurns && !used.has(name)), delta: restored };
    },
  };
}

/** Makes a restorer for one streamed answer. */
export function createChunkRestorer(replacements: Replacements): ChunkRestorer {
  const choices = new Map<number, ReturnType<typeof createChoice>>();
  let envelope: JsonObject = {};

  const chunkOf = (index: number, delta: JsonObject): JsonObject => ({ ...envelope, choices: [{ index, delta, finish_reason: null }] });
  const choiceAt = (index: number): ReturnType<typeof createChoice> => {
    const choice = choices.get(index) ?? createChoice(replacements);
    choices.set(index, choice);
    return choice;
  };

  const restoreChoice = (given: Json): { before: JsonObject[]; given: Json } => {
    if (!isObject(given)) return { before: [], given };
    const index = typeof given["index"] === "number" ? given["index"] : 0;
    const choice = choiceAt(index);
    const { before, delta } = isObject(given["delta"]) ? choice.restore(given["delta"]) : { before: [], delta: {} };
    const deltas = [...before];
    const finished = given["finish_reason"] !== null && given["finish_reason"] !== undefined;
    const rest = finished ? choice.flush() : [];
    if (rest.length > 0) deltas.push(delta, ...rest);
    return { before: deltas.map((each) => chunkOf(index, each)), given: { ...given, delta: rest.length > 0 ? {} : delta } };
  };

  return {
    push: (chunk) => {
      if (!Array.isArray(chunk["choices"])) return [chunk];
      const { usage: _usage, choices: given, ...rest } = chunk;
      envelope = rest;
      const restored = (Array.isArray(given) ? given : []).map(restoreChoice);
      return [...restored.flatMap((each) => each.before), { ...chunk, choices: restored.map((each) => each.given) }];
    },
    end: () => Array.from(choices).flatMap(([index, choice]) => choice.flush().map((delta) => chunkOf(index, delta))),
  };
}
