/** One model call from its first byte to its last: read, planned, masked, recorded, sent, relayed. Whatever fails before it is sent refuses it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { type Json, type JsonObject, parseJson } from "../../mesh/contract/json.ts";
import { MAX_MODEL_REQUEST_BYTES } from "../../mesh/contract/limits.ts";
import { type CallNotes, recordedModel } from "./call-notes.ts";
import { DEFAULT_OUTPUT_TOKENS, type PlannedCall } from "./call-routes.ts";
import { isObject } from "./formats/walk.ts";
import { readBody } from "./read-body.ts";
import { type CallContext, sendByPlan } from "./send-call.ts";
import { readSessionId, requireSession } from "./session-header.ts";
import { taskOf } from "./task-class.ts";

/** Characters of text in a token, roughly, for an estimate before the vendor counts. */
const CHARACTERS_PER_TOKEN = 4;

function parseBody(bytes: Buffer): { body: JsonObject; model: string } {
  let body: Json;
  try {
    body = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), "The request");
  } catch {
    throw new GaggleError("GUARD_REFUSED", "The request is no JSON in UTF-8, or nested too deeply, so the guard could not check it.", {
      details: { length: bytes.length },
    });
  }
  if (isObject(body) && typeof body["model"] === "string") return { body, model: body["model"] };
  throw new GaggleError("GUARD_REFUSED", "The request names no model, so the guard could not pass it on.", { details: { where: "model" } });
}

const isCount = (value: Json | undefined): value is number => typeof value === "number" && Number.isSafeInteger(value) && value > 0;

/** The limit that a request sets to its answers together. Servers differ in which of its names they read, so the highest counts. */
function longestAnswer({ n, ...body }: JsonObject): Pick<PlannedCall, "maxOutputTokens"> {
  const given = ["max_completion_tokens", "max_output_tokens", "max_tokens"].map((name) => body[name]).filter(isCount);
  const answers = isCount(n) ? n : 1;
  if (given.length === 0 && answers === 1) return {};
  return { maxOutputTokens: answers * Math.max(...(given.length === 0 ? [DEFAULT_OUTPUT_TOKENS] : given)) };
}

/**
 * Runs a call; what is known of it goes into `notes` as it goes on.
 * @throws GaggleError GUARD_REFUSED, SESSION_UNKNOWN, TOO_LARGE, UPSTREAM_FAILED, POLICY_DENIED; any other error is a fault and a refusal too
 */
export async function runModelCall(
  context: CallContext,
  request: IncomingMessage,
  response: ServerResponse,
  notes: CallNotes,
): Promise<void> {
  const { deps, config, format } = context;
  const sessionId = readSessionId(request);
  notes.sessionId = sessionId ?? "none";
  const unattended = requireSession(sessionId, deps, config.profile)?.unattended === true;
  const bytes = await readBody(request, config.maxRequestBytes ?? MAX_MODEL_REQUEST_BYTES);
  notes.requestBytes = bytes.length;
  const { body, model: askedModel } = parseBody(bytes);
  notes.model = recordedModel(askedModel);
  const side = taskOf(body);
  notes.task = side === "chat" && unattended ? "unattended" : side;
  const estimatedTokens = Math.ceil(bytes.length / CHARACTERS_PER_TOKEN);
  const planned: PlannedCall = {
    sessionId,
    askedModel,
    protocol: format.protocol,
    task: notes.task,
    estimatedTokens,
    ...longestAnswer(body),
  };
  notes.planned = planned;
  const plan = await deps.routes.plan(planned);
  for (const [name, value] of Object.entries(plan.headers ?? {})) response.setHeader(name, value);
  const tokens = sessionId === undefined ? deps.sessions.temporary() : deps.sessions.open(sessionId);
  await sendByPlan({ ...context, response, notes, body, planned, unattended, tokens, signal: abortOnClose(response) }, plan);
}

/** A signal that aborts when the client goes before its answer is complete. */
export function abortOnClose(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => {
    if (!response.writableFinished) controller.abort(new Error("the client has gone"));
  };
  if (response.destroyed) abort();
  response.once("close", abort);
  return controller.signal;
}
