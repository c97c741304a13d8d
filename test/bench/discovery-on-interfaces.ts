/**
 * What finding each other on the LAN costs on real interfaces: packets of mDNS a minute, heard by one more host of a bridge of network namespaces, once
 * agents have settled. Takes its time and needs root. The same over hours of a virtual clock: discovery.ts.
 *
 * Usage: node test/bench/discovery-on-interfaces.ts [--json] [--hosts 10,20] [--settle 300] [--minutes 15]
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createTestLan, type TestLan } from "../support/network-namespaces.ts";
import { round, table } from "./table.ts";

const PEER = fileURLToPath(new URL("../support/peer-process.ts", import.meta.url));
const LISTENER = fileURLToPath(new URL("../support/mdns-listener-process.ts", import.meta.url));
const MEETING_MS = 180_000;

interface TrafficFigures {
  readonly hosts: number;
  readonly firstMinute: number;
  readonly questionsPerMinute: number;
  readonly answersPerMinute: number;
}

function start(lan: TestLan, host: number, ...args: string[]): ChildProcessWithoutNullStreams {
  const [command, rest] = lan.on(host, process.execPath, ...args);
  const child = spawn(command, rest);
  child.stderr.resume();
  return child;
}

/** Counts the lines that hold a text. */
function count(child: ChildProcessWithoutNullStreams, text: string): () => number {
  let lines = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.includes(text)) lines++;
  });
  return () => lines;
}

async function met(connected: readonly (() => number)[]): Promise<void> {
  const deadline = performance.now() + MEETING_MS;
  while (connected.some((of) => of() < connected.length - 1)) {
    if (performance.now() > deadline) throw new Error("the agents did not all meet");
    await sleep(100);
  }
}

async function measure(hosts: number, settleS: number, minutes: number): Promise<TrafficFigures> {
  const lan = createTestLan(
    `traffic${hosts}`,
    Array.from({ length: hosts + 1 }, () => ({})),
  );
  const children: ChildProcessWithoutNullStreams[] = [];
  try {
    const listener = start(lan, hosts, LISTENER, lan.addresses[hosts] ?? "");
    children.push(listener);
    const [queries, responses] = [count(listener, "query"), count(listener, "response")];
    await once(listener.stdout, "data");
    const peers = Array.from({ length: hosts }, (_, index) =>
      start(lan, index, PEER, JSON.stringify({ organisation: "northwind", name: `host${index}`, mdns: true, bootstrapPeers: [] })),
    );
    children.push(...peers);
    const connected = peers.map((peer) => count(peer, '"connected"'));
    await sleep(60_000);
    const firstMinute = queries() + responses();
    await met(connected);
    await sleep(settleS * 1_000);
    const before = [queries(), responses()] as const;
    await sleep(minutes * 60_000);
    return {
      hosts,
      firstMinute,
      questionsPerMinute: (queries() - before[0]) / minutes,
      answersPerMinute: (responses() - before[1]) / minutes,
    };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    lan.remove();
  }
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    hosts: { type: "string", default: "10,20" },
    settle: { type: "string", default: "300" },
    minutes: { type: "string", default: "15" },
  },
});
// At the same time: each has a bridge of its own, and little else is done but waiting.
const results = await Promise.all(
  values.hosts.split(",").map((hosts) => measure(Number(hosts), Number(values.settle), Number(values.minutes))),
);
if (values.json) process.stdout.write(`${JSON.stringify({ results })}\n`);
else
  table(process.stdout, `Packets of mDNS on real interfaces, ${values.minutes} minutes after settling`, [
    ["hosts", "first minute", "questions/min", "answers/min", "per host"],
    ...results.map(({ hosts, firstMinute, questionsPerMinute, answersPerMinute }) => [
      String(hosts),
      String(firstMinute),
      round(questionsPerMinute),
      round(answersPerMinute),
      round((questionsPerMinute + answersPerMinute) / hosts, 3),
    ]),
  ]);
