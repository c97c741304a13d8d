/**
 * The rehearsal model: an OpenAI-compatible server that plays written scripts, for machines without a model.
 * It reads its scripts and the conversation it is sent, nothing else. Decision: docs/decisions/0052-rehearsal-model.md.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { GaggleError } from "../../contract/errors.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import type { Clock } from "../../contract/ports.ts";
import { closeServer, listenOnLoopback, readModelRequest } from "../loopback-server.ts";
import { type CompletionFrame, REHEARSAL_MODEL, streamedCompletion, wholeCompletion } from "./completion.ts";
import { type ChatRequest, chatRequest, readConversation } from "./conversation.ts";
import { type Answer, playScript } from "./play-script.ts";
import type { Script } from "./script.ts";

/** What the rehearsal model needs. */
export interface RehearsalDeps {
  readonly scripts: readonly Script[];
  readonly clock: Clock;
}

/** A listening model. */
export interface RehearsalModel {
  /** Base URL with `/v1`, for example `http://127.0.0.1:40123/v1`. */
  readonly url: string;
  close(): Promise<void>;
}

/** The answer to a conversation, or undefined where no script knows it. */
export type AnswerRequest = (request: ChatRequest) => Answer | undefined;

/**
 * Starts the rehearsal model on a free port of the loopback interface.
 * A conversation that no script knows is answered 403 with a sentence, which Goose shows without trying again.
 */
export const startRehearsalModel = ({ scripts, clock }: RehearsalDeps): Promise<RehearsalModel> =>
  serveAnswers((request) => rehearse(scripts, request), clock);

/** Starts a chat completions server on the loopback interface whose answers come from `answer`. */
export async function serveAnswers(answer: AnswerRequest, clock: Clock): Promise<RehearsalModel> {
  let served = 0;
  const server = createServer((request, response) => {
    served += 1;
    void respond({ request, response, answer, clock, id: `rehearsal-${served}` });
  });
  const port = await listenOnLoopback(server);
  return { url: `http://127.0.0.1:${port}/v1`, close: () => closeServer(server) };
}

/** Plays the script whose marker the conversation holds. A request without tools is for a title or a summary: it gets the script's title. */
function rehearse(scripts: readonly Script[], request: ChatRequest): Answer | undefined {
  const conversation = readConversation(request);
  const script = scripts.find(({ marker }) => conversation.opening.includes(marker));
  if (conversation.tools.size === 0) return { text: script?.title ?? "Rehearsal", calls: [] };
  return script === undefined ? undefined : playScript(script, conversation);
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly answer: AnswerRequest;
  readonly clock: Clock;
  readonly id: string;
}

async function respond(exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  try {
    if (request.method === "GET" && request.url === "/v1/models") return sendModels(response);
    if (request.method === "POST" && request.url === "/v1/chat/completions") return await complete(exchange);
    sendError(response, 404, "The rehearsal model serves /v1/chat/completions and /v1/models only.");
  } catch (error) {
    const tooLarge = error instanceof GaggleError && error.code === "TOO_LARGE";
    sendError(response, tooLarge ? 413 : 400, error instanceof GaggleError ? error.message : "The request could not be read.");
  }
}

async function complete({ request, response, answer, clock, id }: Exchange): Promise<void> {
  const body = parseAs(chatRequest, parseJson((await readModelRequest(request)).toString("utf8"), "The request"), "The request");
  const found = answer(body);
  if (found === undefined) {
    return sendError(
      response,
      403,
      "This is Gaggle's rehearsal model: it only plays the recipes it has a script for. Configure a model to go on.",
    );
  }
  const frame: CompletionFrame = { id, created: Math.floor(clock.now() / 1_000), answer: found, request: body };
  if (body.stream !== true) return sendJson(response, 200, wholeCompletion(frame));
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const event of streamedCompletion(frame)) response.write(event);
  response.end();
}

function sendModels(response: ServerResponse): void {
  sendJson(response, 200, { object: "list", data: [{ id: REHEARSAL_MODEL, object: "model", created: 0, owned_by: "gaggle" }] });
}

const sendError = (response: ServerResponse, status: number, message: string): void =>
  sendJson(response, status, { error: { message, type: "rehearsal", code: null, param: null } });

function sendJson(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
