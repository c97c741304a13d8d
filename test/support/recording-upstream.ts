/** A model's server of all three APIs that keeps every body as it came and answers as the test says, its stream cut into small pieces. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { type ModelReply, streamOf, wholeOf } from "./vendor-answers.ts";

/** What the server says: what the model does, or an answer of its own. */
export type UpstreamReply = ModelReply | { readonly status: number; readonly body: string };

/** A request as the model's side got it. */
export interface RecordedRequest {
  /** Path behind `/v1`. */
  readonly path: string;
  readonly raw: string;
  readonly headers: IncomingHttpHeaders;
}

/** A running server. */
export interface RecordingUpstream {
  /** Base URL with `/v1`. */
  readonly baseUrl: string;
  readonly requests: readonly RecordedRequest[];
}

/** A request's body, as far as tests read it; responses have `input` instead of messages. */
export interface UpstreamBody {
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content?: unknown; readonly tool_call_id?: string }[];
  readonly input?: unknown;
  readonly tools?: readonly unknown[];
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
    const path = (request.url ?? "").replace(/^\/v1/, "");
    requests.push({ path, raw, headers: request.headers });
    const body = JSON.parse(raw) as UpstreamBody;
    const said = await reply(body);
    if ("status" in said) {
      response.writeHead(said.status, { "content-type": "application/json", "retry-after": "7" });
      return void response.end(said.body);
    }
    const type = body.stream === true ? "text/event-stream" : "application/json";
    response.writeHead(200, { "content-type": type });
    response.end(body.stream === true ? streamOf(path, said, size) : JSON.stringify(wholeOf(path, said)));
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
