/** An OpenAI-compatible model for tests with the real Goose: it answers each turn of a chat with the next step of a written script. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** One turn: tool calls, or a last text. */
export type ScriptStep = { readonly say: string } | { readonly calls: readonly { readonly tool: string; readonly input: object }[] };

/** A turn as written, or made from the results of the tool calls before it. */
export type ScriptTurn = ScriptStep | ((results: readonly string[]) => ScriptStep | Promise<ScriptStep>);

/** A message of a chat as Goose sends it. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_call_id?: string;
}

/** A request as Goose sends it. */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
}

/** A running model. */
export interface ScriptedModel {
  /** For a custom provider's `base_url`. */
  readonly url: string;
  readonly port: number;
  /** Requests of the chat, without those for a session's title. */
  readonly requests: readonly ChatRequest[];
  /** `Authorization` headers of all requests. */
  readonly authorizations: ReadonlySet<string>;
  /** Results of the tool calls so far, in the order of the script's calls, as the model got them. */
  results(): readonly string[];
}

/** A model that outlives tests and plays one script after the other. */
export interface OpenScriptedModel extends ScriptedModel {
  /** Plays another script from its first turn on; what was asked before is forgotten. */
  play(script: readonly ScriptTurn[]): void;
  close(): void;
}

const ID = /^step-(\d+)-(\d+)$/;

/** The number of script steps that the chat has behind it; told by call ids, since Goose splits messages with several calls. */
function stepsDone({ messages }: ChatRequest): number {
  const steps = messages.map((message) => Number(ID.exec(message.tool_call_id ?? "")?.[1] ?? -1));
  return Math.max(-1, ...steps) + 1;
}

function delta(step: ScriptStep, index: number): object {
  if ("say" in step) return { role: "assistant", content: step.say };
  const calls = step.calls.map(({ tool, input }, call) => ({
    index: call,
    id: `step-${index}-${call}`,
    type: "function",
    function: { name: tool, arguments: JSON.stringify(input) },
  }));
  return { role: "assistant", content: null, tool_calls: calls };
}

function stream(response: ServerResponse, step: ScriptStep, index: number): void {
  const chunk = (choice: object, usage?: object): string =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, ...choice }], usage })}\n\n`;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(chunk({ delta: delta(step, index), finish_reason: null }));
  response.write(
    chunk({ delta: {}, finish_reason: "say" in step ? "stop" : "tool_calls" }, { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }),
  );
  response.end("data: [DONE]\n\n");
}

/** Results of the tool calls in a request. */
function resultsIn(request: ChatRequest | undefined): readonly string[] {
  const messages = request?.messages.filter((message) => message.role === "tool") ?? [];
  return messages.map(({ content }) => (typeof content === "string" ? content : JSON.stringify(content)));
}

/** Opens a model that says "done" when its script is over. */
export async function openScriptedModel(): Promise<OpenScriptedModel> {
  let script: readonly ScriptTurn[] = [];
  const requests: ChatRequest[] = [];
  const authorizations = new Set<string>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    authorizations.add(request.headers.authorization ?? "");
    if (request.method === "GET") return void response.end(JSON.stringify({ object: "list", data: [{ id: "m", object: "model" }] }));
    const body = JSON.parse(await text(request)) as ChatRequest;
    // Goose asks for a session's title without tools.
    if (body.tools === undefined) return stream(response, { say: "Title" }, 0);
    requests.push(body);
    const index = stepsDone(body);
    const turn = script[index] ?? { say: "done" };
    stream(response, typeof turn === "function" ? await turn(resultsIn(body)) : turn, index);
  };
  const server: Server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/chat/completions`,
    port,
    requests,
    authorizations,
    results: () => resultsIn(requests.at(-1)),
    play(next) {
      script = next;
      requests.length = 0;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts a model that follows the script and then says "done". Ends with the test. */
export async function startScriptedModel(script: readonly ScriptTurn[]): Promise<ScriptedModel> {
  const model = await openScriptedModel();
  onTestFinished(() => model.close());
  model.play(script);
  return model;
}
