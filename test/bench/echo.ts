/**
 * Measures `request()` of two peer nodes against a raw libp2p echo on an open stream, in one run: this process asks, a second one answers.
 * Run with `node test/bench/echo.ts [--json] [--rounds N]`. Times are milliseconds; the ratios are what counts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { addressOf, createTestOrganisation, startTestPeer, type TestPeer } from "../support/peer-world.ts";
import { type Figures, inTurn, ratioOf, timed } from "./figures.ts";
import { openRawEcho, serveRawEcho, startRaw } from "./raw-echo.ts";

const SMALL_BYTES = 1_024;
const LARGE_BYTES = 262_144;
const WARM_UP = 300;
const IN_FLIGHT = 64;

const startOurs = (name: string): Promise<TestPeer> => {
  const organisation = createTestOrganisation("bench");
  return startTestPeer(organisation, organisation.member(name));
};

/** The second process: echoes on both until its standard input ends. */
async function answer(): Promise<void> {
  const raw = await serveRawEcho();
  const ours = await startOurs("answerer");
  ours.node.handleFrames(async (frame) => frame);
  process.stdout.write(`${JSON.stringify({ raw, ours: addressOf(ours), id: ours.node.agentId })}\n`);
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}

async function startAnswerer(): Promise<{ child: ChildProcess; raw: string; ours: string; id: string }> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--answer"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  return { child, ...(JSON.parse(String(first.value)) as { raw: string; ours: string; id: string }) };
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
    const echo = await openRawEcho(rawNode, raw);
    await asker.node.dial(ours);
    const [small, large] = [new Uint8Array(randomBytes(SMALL_BYTES)), new Uint8Array(randomBytes(LARGE_BYTES))];
    const compare = (payload: Uint8Array, count: number): Promise<Record<string, Figures>> =>
      inTurn([timed("raw", () => echo(payload)), timed("request", () => asker.node.request(id, payload))], {
        rounds: count,
        warmUp: WARM_UP,
      });
    const echo1KiB = await compare(small, rounds);
    const echo256KiB = await compare(large, Math.ceil(rounds / 20));
    const perSecond = await throughput(rounds, () => asker.node.request(id, small));
    return {
      node: process.version,
      echo1KiB: { ...echo1KiB, ratioP50: ratioOf(echo1KiB, "request", "raw") },
      echo256KiB: { ...echo256KiB, ratioP50: ratioOf(echo256KiB, "request", "raw") },
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
