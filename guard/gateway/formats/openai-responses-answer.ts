/** OpenAI responses: answers, whole and as events. Source: platform.openai.com API reference, responses streaming. */
import type { Json, JsonObject } from "../../../mesh/contract/json.ts";
import { createLanes, type LaneSpec } from "../restore-lanes.ts";
import { restoreTree } from "../restore-tree.ts";
import type { AnswerContext, EventRestorer } from "./format.ts";
import { isObject } from "./walk.ts";

const JSON_FIELDS = ["arguments"];
/** Ids of a delta's place, which a further delta of the same text repeats. */
const PLACE = ["item_id", "output_index", "content_index", "summary_index"] as const;

/** Remembers the sealed reasoning of finished items. */
function keepSeals(value: Json | undefined, { seals }: AnswerContext): void {
  if (isObject(value) && value["type"] === "reasoning" && typeof value["encrypted_content"] === "string")
    seals.keep(value["encrypted_content"], "", "");
}

/** A response with every text restored. */
export function restoreResponse(body: JsonObject, context: AnswerContext): JsonObject {
  const output = body["output"];
  if (Array.isArray(output)) for (const item of output) keepSeals(item, context);
  return restoreTree(body, context.replacements, JSON_FIELDS) as JsonObject;
}

const placeIn = (event: JsonObject, name: string): string => JSON.stringify(event[name] ?? null);

/** What the names of an item's lanes begin with. */
const itemLane = (event: JsonObject): string => `${placeIn(event, "output_index")}/`;

/** The text that an event belongs to: `response.output_text.delta` and `….done` of one place share it. */
function laneOf(type: string, event: JsonObject, tool: string | undefined): LaneSpec {
  const stem = type.slice(0, type.lastIndexOf("."));
  const place = Object.fromEntries(PLACE.flatMap((name) => (event[name] === undefined ? [] : [[name, event[name]]])));
  return {
    name: `${itemLane(event)}${PLACE.map((name) => placeIn(event, name)).join(":")}:${stem}`,
    kind: stem.endsWith("arguments") ? "json" : "text",
    tool,
    event: (piece) => ({ type: `${stem}.delta`, ...place, delta: piece }),
  };
}

/** Makes a restorer for one streamed answer. What it adds has its place in the order, so events are numbered anew. */
export function createResponseEvents(context: AnswerContext): EventRestorer {
  const lanes = createLanes(context.replacements);
  /** Tools of calls by their item's place in the output; only the item's own event names them. */
  const tools = new Map<string, string>();
  let next: number | undefined;

  const numbered = (events: readonly JsonObject[]): JsonObject[] =>
    events.map((event) => {
      if (next === undefined) return event;
      next += 1;
      return { ...event, sequence_number: next - 1 };
    });

  const restore = (type: string, event: JsonObject): JsonObject[] => {
    const { item } = event;
    if (isObject(item) && typeof item["name"] === "string") tools.set(itemLane(event), item["name"]);
    const tool = tools.get(itemLane(event));
    if (type.endsWith(".delta") && typeof event["delta"] === "string") {
      const lane = laneOf(type, event, tool);
      return [{ ...event, delta: lanes.push(lane, event["delta"]) }];
    }
    const own = type.endsWith(".done") ? laneOf(type, event, tool).name : undefined;
    keepSeals(item, context);
    const restored = isObject(event["response"])
      ? { ...event, response: restoreResponse(event["response"], context) }
      : (restoreTree(event, tool === undefined ? context.replacements : context.replacements.forTool(tool), JSON_FIELDS) as JsonObject);
    return [...endedBy(type, event, own), restored];
  };

  /** What is held goes out before the event that says that its text is complete. */
  const endedBy = (type: string, event: JsonObject, own: string | undefined): JsonObject[] => {
    if (/^response\.(?:completed|failed|incomplete)$/.test(type)) return lanes.flush();
    if (type === "response.output_item.done") return lanes.flush(({ name }) => name.startsWith(itemLane(event)));
    return own === undefined ? [] : lanes.flush(({ name }) => name === own);
  };

  return {
    push: (event) => {
      const { type, sequence_number: number } = event;
      if (typeof number === "number") next ??= number;
      return numbered(typeof type === "string" ? restore(type, event) : [event]);
    },
    end: () => numbered(lanes.flush()),
  };
}
