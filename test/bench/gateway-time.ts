/** What the guard's gateway adds to a model call: the same prompt to the same server, straight and through a running daemon. */
import { createServer, type Server } from "node:http";
import { readFile } from "node:fs/promises";
import type { BenchOrganisation } from "./bench-organisation.ts";
import { closeServer, listenOnLoopback } from "../../mesh/demo/loopback-server.ts";
import { type Figures, inTurn, timed } from "./figures.ts";

const PROMPT_BYTES = 2_048;
const MODEL = "bench";
const SESSION = "bench";
/** One sentence of the prompt; the number keeps the guard from remembering it. */
const sentence = (n: number): string =>
  `Invoice ${n} of dana.okafor${n}@example.com is due; pay it to DE89370400440532013000 and call +49 30 901820 if it is wrong. `;

const ANSWER = JSON.stringify({
  id: "bench",
  object: "chat.completion",
  created: 0,
  model: MODEL,
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Done." } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});

/** A server that answers every chat completion alike. */
export interface ModelServer {
  /** Its base URL, as `gaggle join --model-url` takes it. */
  readonly url: string;
  readonly model: string;
  close(): Promise<void>;
}

/** Starts it on a free port of loopback. */
export async function startModelServer(): Promise<ModelServer> {
  const server: Server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end(ANSWER));
  });
  return { url: `http://127.0.0.1:${await listenOnLoopback(server)}/v1`, model: MODEL, close: () => closeServer(server) };
}

/** The two ways' durations. */
export interface GatewayTime {
  readonly figures: Readonly<Record<string, Figures>>;
  /** Difference of the medians in milliseconds. */
  readonly addedMs: number;
}

/** Measures both ways in turn; finance's daemon has the model server behind its guard. */
export async function measureGatewayTime(model: ModelServer, organisation: BenchOrganisation, rounds: number): Promise<GatewayTime> {
  const token = (await readFile(organisation.gatewayToken("fiona.berg"), "utf8")).trim();
  const finance = await organisation.connect("fiona.berg");
  await finance.call("session.register", { sessionId: SESSION });
  const { gatewayUrl } = await finance.call("daemon.status", {});
  finance.close();
  let n = 0;
  const post = async (url: string): Promise<void> => {
    let content = "";
    while (content.length < PROMPT_BYTES) content += sentence(n++);
    const response = await fetch(`${url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "agent-session-id": SESSION },
      body: JSON.stringify({ model: MODEL, messages: [{ role: "user", content: content.slice(0, PROMPT_BYTES) }] }),
    });
    if (!response.ok) throw new Error(`The model call was answered ${response.status}.`);
    await response.arrayBuffer();
  };
  const ways = [timed("straight", () => post(model.url)), timed("through the guard", () => post(`${gatewayUrl}/v1`))];
  const figures = await inTurn(ways, { rounds, warmUp: Math.ceil(rounds / 5) });
  return { figures, addedMs: (figures["through the guard"]?.p50 ?? Number.NaN) - (figures["straight"]?.p50 ?? Number.NaN) };
}
