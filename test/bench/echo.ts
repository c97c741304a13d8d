/**
 * Measures `request()` of two peer nodes against a raw libp2p echo on an open stream, in one run: this process asks, a second one answers.
 * Run with `node test/bench/echo.ts [--json] [--rounds N]`. Times are milliseconds; the ratios are what counts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { Libp2p, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { addressOf, createTestOrganisation, startTestPeer, type TestPeer } from "../support/peer-world.ts";

const RAW_PROTOCOL = "/bench/echo/1.0.0";
const SMALL_BYTES = 1_024;
const LARGE_BYTES = 262_144;
const WARM_UP = 300;
const IN_FLIGHT = 64;

/** Median, 95th percentile and count of some durations. */
interface Figures {
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
}

const startRaw = (): Promise<Libp2p> =>
  createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  });

const startOurs = (name: string): Promise<TestPeer> => {
  const organisation = createTestOrganisation("bench");
  return startTestPeer(organisation, organisation.member(name));
};

/** The second process: echoes on both until its standard input ends. */
async function answer(): Promise<void> {
  const raw = await startRaw();
  await raw.handle(RAW_PROTOCOL, (stream) => {
    stream.addEventListener("message", (event) => stream.send(event.data));
  });
  const ours = await startOurs("answerer");
  ours.node.handleFrames(async (frame) => frame);
  process.stdout.write(`${JSON.stringify({ raw: String(raw.getMultiaddrs()[0]), ours: addressOf(ours), id: ours.node.agentId })}\n`);
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}

async function startAnswerer(): Promise<{ child: ChildProcess; raw: string; ours: string; id: string }> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--answer"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  return { child, ...(JSON.parse(String(first.value)) as { raw: string; ours: string; id: string }) };
}

/** Sends on an open raw stream and resolves when as many bytes have come back. */
function rawEcho(stream: Stream): (payload: Uint8Array) => Promise<void> {
  let missing = 0;
  let done = (): void => undefined;
  stream.addEventListener("message", (event) => {
    missing -= event.data.byteLength;
    if (missing === 0) done();
  });
  return (payload) =>
    new Promise((resolve) => {
      missing = payload.byteLength;
      done = resolve;
      stream.send(payload);
    });
}

function figuresOf(durations: readonly number[]): Figures {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), count: sorted.length };
}

/**
 * Measures several ways in turn, one call each, so that whatever else the machine does hits all alike; every other round the other way round,
 * because the tail of one call (window updates) falls into the next.
 */
async function inTurn(rounds: number, ways: readonly (() => Promise<unknown>)[]): Promise<Figures[]> {
  const durations: number[][] = ways.map(() => []);
  for (let round = 0; round < rounds + WARM_UP; round++) {
    const order = [...ways.entries()];
    for (const [index, way] of round % 2 === 0 ? order : order.toReversed()) {
      const startedAt = performance.now();
      await way();
      if (round >= WARM_UP) durations[index]?.push(performance.now() - startedAt);
    }
  }
  return durations.map(figuresOf);
}

/** Requests per second with many in flight. */
async function throughput(rounds: number, request: () => Promise<unknown>): Promise<number> {
  let left = rounds;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (left-- > 0) await request();
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return rounds / ((performance.now() - startedAt) / 1_000);
}

async function measure(rounds: number): Promise<object> {
  const { child, raw, ours, id } = await startAnswerer();
  const rawNode = await startRaw();
  const asker = await startOurs("asker");
  try {
    const stream = await (await rawNode.dial(multiaddr(raw))).newStream(RAW_PROTOCOL);
    await asker.node.dial(ours);
    const echo = rawEcho(stream);
    const [small, large] = [new Uint8Array(randomBytes(SMALL_BYTES)), new Uint8Array(randomBytes(LARGE_BYTES))];
    const [rawSmall, ourSmall] = await inTurn(rounds, [() => echo(small), () => asker.node.request(id, small)]);
    const [rawLarge, ourLarge] = await inTurn(Math.ceil(rounds / 20), [() => echo(large), () => asker.node.request(id, large)]);
    const perSecond = await throughput(rounds, () => asker.node.request(id, small));
    const ratio = (a: Figures | undefined, b: Figures | undefined): number => (a?.p50 ?? Number.NaN) / (b?.p50 ?? Number.NaN);
    return {
      node: process.version,
      echo1KiB: { raw: rawSmall, request: ourSmall, ratioP50: ratio(ourSmall, rawSmall) },
      echo256KiB: { raw: rawLarge, request: ourLarge, ratioP50: ratio(ourLarge, rawLarge) },
      inFlight: { requests: IN_FLIGHT, perSecond },
    };
  } finally {
    child.stdin?.end();
    await Promise.all([rawNode.stop(), asker.node.close()]);
  }
}

const { values } = parseArgs({
  options: { answer: { type: "boolean" }, json: { type: "boolean" }, rounds: { type: "string", default: "3000" } },
});
if (values.answer === true) {
  await answer();
} else {
  const result = await measure(Number(values.rounds));
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else console.table(flat(result));
}

/** One row a figure, for the table. */
function flat(value: object, prefix = ""): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "object" && inner !== null
        ? Object.entries(flat(inner as object, `${prefix}${key}.`))
        : [[`${prefix}${key}`, typeof inner === "number" ? Math.round(inner * 1_000) / 1_000 : inner]],
    ),
  );
}
