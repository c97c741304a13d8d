/**
 * A recording reverse proxy on the loopback interface, in front of the configured model: it keeps each request's body exactly as
 * the model's side gets it, so that anyone can search it for personal data, and passes the answer through untouched.
 */
import { appendFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";
import { GaggleError } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";
import { closeServer, listenOnLoopback, readModelRequest } from "./loopback-server.ts";

/** What is recorded where, and what stands behind. */
export interface ModelTapConfig {
  /** Base URL of the model's server, for example `https://api.openai.com/v1`; the path after the tap's `/v1` is put behind it. */
  readonly upstream: string;
  /** JSONL file: one line a request, `{"at","path","body"}`. */
  readonly file: string;
}

/** A listening tap. */
export interface ModelTap {
  /** Base URL with `/v1`. */
  readonly url: string;
  /** Ends when every request so far is in the file. */
  close(): Promise<void>;
}

/** Headers that belong to one connection (RFC 9110, 7.6.1), or that are made anew. */
const NOT_FORWARDED = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
]);

/** Starts the tap on a free port of the loopback interface. A request that can't be recorded is not passed on. */
export async function startModelTap({ clock }: { readonly clock: Clock }, { upstream, file }: ModelTapConfig): Promise<ModelTap> {
  let written: Promise<void> = Promise.resolve();
  const record = (line: string): Promise<void> => {
    // One after the other, so that lines never mix; a failed write fails its own request only.
    const mine = written.then(() => appendFile(file, line, { mode: 0o600 }));
    written = mine.catch(() => undefined);
    return mine;
  };
  const server = createServer((request, response) => {
    const pass = async (): Promise<void> => {
      const body = await readModelRequest(request);
      if (body.length > 0) await record(recordLine(clock.now(), request.url ?? "", body));
      await forward(upstream, request, body, response);
    };
    pass().catch((error: unknown) => sendFailure(response, error));
  });
  const port = await listenOnLoopback(server);
  const close = async (): Promise<void> => {
    await closeServer(server);
    await written;
  };
  return { url: `http://127.0.0.1:${port}/v1`, close };
}

/** The body goes in as the very text that it is: parsing and writing it again would change numbers, escapes and order. */
function recordLine(nowMs: number, path: string, body: Buffer): string {
  const head = `{"at":${JSON.stringify(new Date(nowMs).toISOString())},"path":${JSON.stringify(path)},"body":`;
  return `${head}${asJson(body)}}\n`;
}

/** The body's own text where it is JSON, its line breaks (only ever between values) as spaces; what is not JSON becomes a JSON string. */
function asJson(body: Buffer): string {
  const text = asText(body);
  try {
    JSON.parse(text);
    return text.replaceAll(/[\n\r]/g, " ");
  } catch {
    return JSON.stringify(text);
  }
}

function asText(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return body.toString("latin1");
  }
}

function forward(upstream: string, request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
  const url = new URL(upstream.replace(/\/+$/, "") + (request.url ?? "").replace(/^\/v1(?=\/|$)/, ""));
  const headers = { ...forwarded(request.headers), "content-length": String(body.length) };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const outgoing = send(url, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, forwarded(answer.headers));
    pipeline(answer, response).then(resolve, reject);
  });
  outgoing.once("error", reject);
  response.once("close", () => outgoing.destroy());
  outgoing.end(body);
  return promise;
}

const forwarded = (headers: IncomingMessage["headers"]): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_FORWARDED.has(name)));

function sendFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const tooLarge = error instanceof GaggleError && error.code === "TOO_LARGE";
  const message = tooLarge ? error.message : "The model's server can't be reached, or the request could not be recorded.";
  response.writeHead(tooLarge ? 413 : 502, { "content-type": "application/json" }).end(JSON.stringify({ error: { message, type: "tap" } }));
}
