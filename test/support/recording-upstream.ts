/** An OpenAI-compatible server that keeps every body as it came and answers as the test says, its stream cut into small pieces. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** What the model says: a text, or one tool call. */
export type UpstreamReply =
  | { readonly say: string }
  | { readonly tool: string; readonly argumentsJson: string }
  | { readonly status: number; readonly body: string };

/** A request as the model's side got it. */
export interface RecordedRequest {
  readonly raw: string;
  readonly headers: IncomingHttpHeaders;
}

/** A running server. */
export interface RecordingUpstream {
  /** Base URL with `/v1`. */
  readonly baseUrl: string;
  readonly requests: readonly RecordedRequest[];
}

/** A request's body, as far as tests read it. */
export interface UpstreamBody {
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content?: unknown; readonly tool_call_id?: string }[];
  readonly tools?: readonly unknown[];
}

const piecesOf = (whole: string, size: number): string[] =>
  Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.slice(i * size, (i + 1) * size));

function deltas(reply: UpstreamReply, size: number): object[] {
  if ("say" in reply) return piecesOf(reply.say, size).map((content) => ({ content }));
  if (!("tool" in reply)) return [];
  const head = { tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: reply.tool, arguments: "" } }] };
  return [head, ...piecesOf(reply.argumentsJson, size).map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] }))];
}

const finishOf = (reply: UpstreamReply): string => ("tool" in reply ? "tool_calls" : "stop");

function stream(response: ServerResponse, reply: UpstreamReply, size: number): void {
  const chunk = (choice: object, usage?: object): string =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, ...choice }], usage })}\n\n`;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(": keep-alive\n\n");
  for (const delta of deltas(reply, size)) response.write(chunk({ delta, finish_reason: null }));
  response.write(chunk({ delta: {}, finish_reason: finishOf(reply) }, { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }));
  response.end("data: [DONE]\n\n");
}

function whole(response: ServerResponse, reply: UpstreamReply): void {
  const message =
    "say" in reply
      ? { role: "assistant", content: reply.say }
      : "tool" in reply
        ? {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "call_1", type: "function", function: { name: reply.tool, arguments: reply.argumentsJson } }],
          }
        : {};
  const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({ id: "c", object: "chat.completion", choices: [{ index: 0, message, finish_reason: finishOf(reply) }], usage }),
  );
}

/**
 * Starts the server; it ends with the test.
 * @param reply what the model says to a body; may be a promise that never settles
 * @param size characters of text in one piece of a stream
 */
export async function startRecordingUpstream(
  reply: (body: UpstreamBody) => UpstreamReply | Promise<UpstreamReply>,
  size = 3,
): Promise<RecordingUpstream> {
  const requests: RecordedRequest[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === "GET") return void response.end(JSON.stringify({ object: "list", data: [{ id: "m", object: "model" }] }));
    const raw = await text(request);
    requests.push({ raw, headers: request.headers });
    const body = JSON.parse(raw) as UpstreamBody;
    const said = await reply(body);
    if ("status" in said) {
      response.writeHead(said.status, { "content-type": "application/json", "retry-after": "7" });
      return void response.end(said.body);
    }
    if (body.stream === true) stream(response, said, size);
    else whole(response, said);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, requests };
}
