/** Sends the model's answer on to the client, with its tokens restored. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Json } from "../../mesh/contract/json.ts";
import { readEvents } from "./event-stream.ts";
import { isObject, type Replacements, restoreResponse, restoreTree } from "./restore-response.ts";
import { createChunkRestorer } from "./restore-stream.ts";
import type { UpstreamAnswer } from "./upstream.ts";

const MAX_ANSWER_BYTES = 33_554_432;

const notJson = (): GaggleError =>
  new GaggleError("UPSTREAM_FAILED", "The model's server sent something that is no JSON; check the upstream URL of the guard.");

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // V8 quotes the text in its message, and the text may be a user's: so no cause.
    throw notJson();
  }
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

/** Total tokens that a completion or chunk says it used, or undefined. */
const usedTokens = (body: Json): number | undefined => {
  const usage = isObject(body) ? body["usage"] : undefined;
  const total = isObject(usage) ? usage["total_tokens"] : undefined;
  return typeof total === "number" && Number.isSafeInteger(total) && total >= 0 ? total : undefined;
};

/**
 * Relays an answer in one piece, errors of the model's server too.
 * @returns tokens used
 */
async function relayWhole(answer: UpstreamAnswer, response: ServerResponse, replacements: Replacements): Promise<number> {
  const text = await readAll(answer);
  const ok = answer.status >= 200 && answer.status < 300;
  // A failing server may answer in any form; a good answer must be JSON.
  const body = ok
    ? parse(text)
    : { error: { message: "The model's server refused the request.", type: "upstream_error", code: null }, ...objectIn(text) };
  const restored = ok && isObject(body) ? restoreResponse(body, replacements) : restoreTree(body, replacements.text);
  const payload = JSON.stringify(restored);
  response.writeHead(answer.status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(payload),
    ...(answer.retryAfter === undefined ? {} : { "retry-after": answer.retryAfter }),
  });
  response.end(payload);
  return usedTokens(body) ?? 0;
}

function objectIn(text: string): { [key: string]: Json } {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

async function relayStream(
  answer: UpstreamAnswer,
  response: ServerResponse,
  replacements: Replacements,
  signal: AbortSignal,
): Promise<number> {
  const restorer = createChunkRestorer(replacements);
  let tokens = 0;
  let ended = false;
  const write = async (data: string): Promise<void> => {
    if (!response.write(`data: ${data}\n\n`)) await once(response, "drain", { signal });
  };
  response.writeHead(answer.status, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  const finish = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    for (const chunk of restorer.end()) await write(JSON.stringify(chunk));
  };
  for await (const data of readEvents(answer.bytes)) {
    if (data === "[DONE]") {
      await finish();
      await write(data);
      continue;
    }
    const chunk = parse(data);
    if (!isObject(chunk)) throw notJson();
    tokens = usedTokens(chunk) ?? tokens;
    for (const restored of restorer.push(chunk)) await write(JSON.stringify(restored));
  }
  await finish();
  response.end();
  return tokens;
}

/**
 * Relays an answer, streamed or whole.
 * @returns tokens used, as far as the model's server says
 * @throws GaggleError UPSTREAM_FAILED; where the answer had begun already, the caller can only cut it off
 */
export const relayAnswer = (
  answer: UpstreamAnswer,
  response: ServerResponse,
  replacements: Replacements,
  signal: AbortSignal,
): Promise<number> =>
  answer.status === 200 && answer.contentType.toLowerCase().startsWith("text/event-stream")
    ? relayStream(answer, response, replacements, signal)
    : relayWhole(answer, response, replacements);
