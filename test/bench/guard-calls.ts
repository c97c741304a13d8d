/** What the guard of a running daemon adds to model calls: the same prompts to the same server, straight and through it. */
import { readFile } from "node:fs/promises";
import type { BenchOrganisation } from "./bench-organisation.ts";
import type { ModelServer } from "./gateway-time.ts";
import { type Figures, figuresOf, inTurn, timed } from "./figures.ts";
import { createPrompts } from "./guard-prompts.ts";

const SESSION = "bench";
const MIB = 1_048_576;
/** Prompts, in KiB of text. */
export const SIZES_KIB = [0.5, 2, 8, 32] as const;
/** What a size is called in results. */
export const sizeName = (kib: number): string => `${kib} KiB`;
/** A message that is new at every turn of a chat, beside a history that was sent before. */
const NEW_MESSAGE_BYTES = 64;
const CHUNKS = 2_000;
const AT_ONCE = 8;

/** Times of one way to send prompts of one size, in milliseconds until the first word of the answer. */
export interface AddedTime {
  readonly straight: Figures;
  readonly guarded: Figures;
  /** Difference of the medians, and of the 95th percentiles. */
  readonly addedMs: { readonly p50: number; readonly p95: number };
}

/** Everything that is measured through the daemon. */
export interface GuardCalls {
  /** By size, of text that the guard has never seen. */
  readonly cold: Readonly<Record<string, AddedTime>>;
  /** By size, of text that the guard has seen, sent again as it was. */
  readonly resent: Readonly<Record<string, AddedTime>>;
  /** The same with one new line behind it, as at every turn of a chat. */
  readonly nextTurn: Readonly<Record<string, AddedTime>>;
  /** Microseconds that the guard adds to each chunk of a stream full of tokens. */
  readonly addedPerChunkUs: number;
  /** Requests of 2 KiB of new text, eight at once. */
  readonly atOnce: { readonly requestsPerSecond: number; readonly figures: Figures };
  /** Of the daemon, in MiB: before its first model call, after all of them. */
  readonly memoryMiB: { readonly before: number; readonly after: number };
}

type Message = { readonly role: "user" | "assistant"; readonly content: string };

/** One way to a model. */
interface Way {
  readonly url: string;
  readonly token: string;
}

/** Sends a chat and reads the answer. @returns milliseconds to the first word, and all the text */
async function ask({ url, token }: Way, messages: readonly Message[]): Promise<{ firstMs: number; text: string }> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "agent-session-id": SESSION },
    body: JSON.stringify({ model: "bench", messages, stream: true }),
  });
  if (!response.ok || response.body === null) throw new Error(`The model call was answered ${response.status}.`);
  let firstMs = Number.NaN;
  const parts: string[] = [];
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    parts.push(part);
    if (Number.isNaN(firstMs) && /"content":"[^"]/.test(part)) firstMs = performance.now() - startedAt;
  }
  return { firstMs, text: parts.join("") };
}

/** Measures one kind of prompt both ways in turn. @param chat makes the messages; called anew for every request */
async function added(ways: { straight: Way; guarded: Way }, rounds: number, chat: () => readonly Message[]): Promise<AddedTime> {
  const by = (name: "straight" | "guarded") => async () => ({ [name]: (await ask(ways[name], chat())).firstMs });
  const figures = await inTurn([by("straight"), by("guarded")], { rounds, warmUp: Math.ceil(rounds / 10) });
  const [straight, guarded] = [figures["straight"], figures["guarded"]] as [Figures, Figures];
  return { straight, guarded, addedMs: { p50: guarded.p50 - straight.p50, p95: guarded.p95 - straight.p95 } };
}

const user = (content: string): Message => ({ role: "user", content });

/** Measures every size. @param rounds of the smallest; larger prompts get fewer */
async function bySize(rounds: number, measure: (bytes: number, rounds: number) => Promise<AddedTime>): Promise<Record<string, AddedTime>> {
  const measured: [string, AddedTime][] = [];
  for (const kib of SIZES_KIB)
    measured.push([sizeName(kib), await measure(kib * 1_024, Math.max(10, Math.round(rounds / Math.max(1, kib / 2))))]);
  return Object.fromEntries(measured);
}

/** The whole time of a stream of many chunks, both ways, divided by its chunks. */
async function chunkCost(ways: { straight: Way; guarded: Way }, rounds: number): Promise<number> {
  const prompts = createPrompts();
  const prompt = `Echo ${CHUNKS}: ${prompts.next(2_048)}`;
  const whole = (name: "straight" | "guarded") => timed(name, () => ask(ways[name], [user(prompt)]));
  const figures = await inTurn([whole("straight"), whole("guarded")], { rounds, warmUp: 2 });
  const first = await added(ways, rounds, () => [user(prompt)]);
  const streamed = (figures["guarded"]?.p50 ?? Number.NaN) - (figures["straight"]?.p50 ?? Number.NaN) - first.addedMs.p50;
  return (1_000 * streamed) / CHUNKS;
}

/** Eight requests at any time until all are done. */
async function throughput(guarded: Way, requests: number): Promise<GuardCalls["atOnce"]> {
  const prompts = createPrompts();
  const durations: number[] = [];
  let left = requests;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (left-- > 0) durations.push((await ask(guarded, [user(`At once. ${prompts.next(2_048)}`)])).firstMs);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { requestsPerSecond: (1_000 * requests) / (performance.now() - startedAt), figures: figuresOf(durations) };
}

/** Measures everything; finance's daemon has the model server behind its guard. @param options `rounds` of prompts up to 2 KiB; `say` is told what is being done */
export async function measureGuardCalls(
  model: ModelServer,
  organisation: BenchOrganisation,
  { rounds, say }: { rounds: number; say(line: string): void },
): Promise<GuardCalls> {
  const token = (await readFile(organisation.gatewayToken("fiona.berg"), "utf8")).trim();
  const finance = await organisation.connect("fiona.berg");
  const rss = async (): Promise<number> => (await finance.call("daemon.status", {})).rssBytes / MIB;
  try {
    await finance.call("session.register", { sessionId: SESSION });
    const before = await rss();
    const { gatewayUrl } = await finance.call("daemon.status", {});
    const ways = { straight: { url: model.url, token }, guarded: { url: `${gatewayUrl}/v1`, token } };
    const prompts = createPrompts();
    say("Prompts of new text …");
    const cold = await bySize(rounds, (bytes, n) => added(ways, n, () => [user(prompts.next(bytes))]));
    say("Prompts that were sent before …");
    const resent = await bySize(rounds, (bytes, n) => {
      const known = prompts.next(bytes);
      return added(ways, n, () => [user(known)]);
    });
    const nextTurn = await bySize(rounds, (bytes, n) => {
      const history = [user(prompts.next(bytes)), { role: "assistant", content: "Noted." }] as const;
      return added(ways, n, () => [...history, user(prompts.next(NEW_MESSAGE_BYTES))]);
    });
    say("Long streams …");
    const addedPerChunkUs = await chunkCost(ways, Math.max(5, Math.round(rounds / 5)));
    say("Eight at once …");
    const atOnce = await throughput(ways.guarded, Math.max(2 * AT_ONCE, rounds));
    return { cold, resent, nextTurn, addedPerChunkUs, atOnce, memoryMiB: { before, after: await rss() } };
  } finally {
    finance.close();
  }
}
