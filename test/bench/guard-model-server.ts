/** A model's server for the guard's bench: answers every chat completion with a stream, as fast as it is read. */
import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import { closeServer, listenOnLoopback, readModelRequest } from "../../mesh/demo/loopback-server.ts";
import type { ModelServer } from "./gateway-time.ts";

const MODEL = "bench";
/** A prompt that begins so is answered with this many pieces of itself, so that tokens have to be restored. */
const ECHO = /^Echo (\d+): /;
const PIECE = 4;

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "bench", object: "chat.completion.chunk", created: 0, model: MODEL, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** The pieces of the answer to a prompt. */
function piecesFor(prompt: string): string[] {
  const count = Number(ECHO.exec(prompt)?.[1] ?? 0);
  if (count === 0) return ["Do", "ne."];
  const text = prompt.slice(prompt.indexOf(": ") + 2);
  const pieces = text.match(new RegExp(`[^]{1,${PIECE}}`, "g")) ?? [""];
  return Array.from({ length: count }, (_, i) => pieces[i % pieces.length] ?? "");
}

async function answer(response: ServerResponse, prompt: string): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(chunk({ role: "assistant", content: "" }));
  for (const content of piecesFor(prompt)) if (!response.write(chunk({ content }))) await once(response, "drain");
  response.end(`${chunk({}, "stop")}data: [DONE]\n\n`);
}

/** Starts it on a free port of loopback. */
export async function startStreamingModel(): Promise<ModelServer> {
  const server = createServer((request, response) => {
    readModelRequest(request)
      .then(async (body) => {
        const { messages } = JSON.parse(body.toString("utf8")) as { messages: { content: string }[] };
        await answer(response, messages.at(-1)?.content ?? "");
      })
      .catch(() => response.destroy());
  });
  return { url: `http://127.0.0.1:${await listenOnLoopback(server)}/v1`, model: MODEL, close: () => closeServer(server) };
}
