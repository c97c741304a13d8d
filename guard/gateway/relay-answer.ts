/** Sends the model's answer on to the client, with its tokens restored. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { type Json, type JsonObject, parseJson } from "../../mesh/contract/json.ts";
import { DEFAULT_OUTPUT_TOKENS, NO_USAGE, type Usage } from "./call-routes.ts";
import { readEvents } from "./event-stream.ts";
import type { AnswerContext, Format } from "./formats/format.ts";
import { isObject } from "./formats/walk.ts";
import { restoreTree } from "./restore-tree.ts";
import type { UpstreamAnswer } from "./upstream.ts";

/** What an answer is relayed with. */
export interface Relay extends AnswerContext {
  readonly format: Format;
  readonly signal: AbortSignal;
  /** Told what the answer says of the tokens used, as soon as it says so. */
  onUsage(usage: Usage): void;
}

const MAX_ANSWER_BYTES = 33_554_432;

const notJson = (): GaggleError =>
  new GaggleError("UPSTREAM_FAILED", "The model's server sent something that is no JSON; check the upstream URL of the guard.");

function parseObject(text: string): JsonObject {
  let value: Json;
  try {
    value = parseJson(text, "The answer");
  } catch {
    throw notJson();
  }
  if (!isObject(value)) throw notJson();
  return value;
}

async function readAll(answer: UpstreamAnswer): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of answer.bytes) {
    size += piece.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new GaggleError("UPSTREAM_FAILED", "The model's answer is too large.", { details: { size } });
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** A failing server may answer in any form. */
function errorIn(text: string, { errorBody }: Format): JsonObject {
  try {
    return parseObject(text);
  } catch {
    return errorBody({ message: "The model's server refused the request.", code: "UPSTREAM_FAILED", where: null, upstream: true });
  }
}

/** Relays an answer in one piece, errors of the model's server too. */
export async function relayWhole(answer: UpstreamAnswer, response: ServerResponse, relay: Relay): Promise<void> {
  const text = await readAll(answer);
  const ok = answer.status >= 200 && answer.status < 300;
  const body = ok ? parseObject(text) : errorIn(text, relay.format);
  const usage = relay.format.usageOf(body);
  if (usage !== undefined) relay.onUsage({ ...NO_USAGE, ...usage });
  const payload = JSON.stringify(ok ? relay.format.restoreWhole(body, relay) : restoreTree(body, relay.replacements));
  response.writeHead(answer.status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(payload),
    ...(answer.retryAfter === undefined ? {} : { "retry-after": answer.retryAfter }),
  });
  response.end(payload);
}

const END_MARK = "[DONE]";

/** What may stand in a line of its own: a line end in it would begin a field that was never looked at. */
const isEventName = (type: Json | undefined): type is string => typeof type === "string" && /^[\w.-]+$/.test(type);

async function relayStream(answer: UpstreamAnswer, response: ServerResponse, relay: Relay): Promise<void> {
  const { format, signal } = relay;
  const restorer = format.createEvents(relay);
  let usage = NO_USAGE;
  let events = 0;
  let ended = false;
  let isWhole = false;
  const write = async (text: string): Promise<void> => {
    if (!response.write(text)) await once(response, "drain", { signal });
  };
  const writeEvents = async (events: readonly JsonObject[]): Promise<void> => {
    const named = ({ type }: JsonObject): string => (format.namedEvents && isEventName(type) ? `event: ${type}\n` : "");
    if (events.length > 0) await write(events.map((event) => `${named(event)}data: ${JSON.stringify(event)}\n\n`).join(""));
  };
  const finish = async (): Promise<void> => {
    if (!ended) await writeEvents(restorer.end());
    ended = true;
  };
  response.writeHead(answer.status, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  const relayEvent = async (data: string): Promise<void> => {
    if (data === END_MARK) {
      await finish();
      return write(`data: ${END_MARK}\n\n`);
    }
    const event = parseObject(data);
    events += 1;
    const told = format.usageOf(event);
    if (told !== undefined) {
      usage = { ...usage, ...told };
      relay.onUsage(usage);
    }
    return writeEvents(restorer.push(event));
  };
  try {
    for await (const data of readEvents(answer.bytes)) await relayEvent(data);
    await finish();
    response.end();
    isWhole = true;
  } finally {
    // What was said stands for an output that was not told, a token an event at least: Anthropic tells it last, others when they are asked.
    const isUntold = usage.input > 0 ? !isWhole : events > DEFAULT_OUTPUT_TOKENS;
    if (isUntold) relay.onUsage({ ...usage, output: Math.max(usage.output, events) });
  }
}

/**
 * Relays an answer, streamed or whole.
 * @throws GaggleError UPSTREAM_FAILED; where the answer had begun already, the caller can only cut it off
 */
export const relayAnswer = (answer: UpstreamAnswer, response: ServerResponse, relay: Relay): Promise<void> =>
  answer.status === 200 && answer.contentType.toLowerCase().startsWith("text/event-stream")
    ? relayStream(answer, response, relay)
    : relayWhole(answer, response, relay);
