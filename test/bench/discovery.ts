/**
 * What finding each other on the LAN costs: packets a minute once agents have settled, over hours of a virtual clock, by the code that speaks on
 * real interfaces.
 */
import { createProgram, whole } from "../support/program.ts";
import { createSimulatedLan, type LanPacket } from "../support/simulated-lan.ts";
import { createVirtualClock, settleMicrotasks } from "../support/virtual-clock.ts";
import { round, table } from "./table.ts";

const SETTLE_MS = 600_000;
const MEASURE_MS = 4 * 3_600_000;
/** Packets a minute that every one of libp2p's mDNS nodes sends by default, as questions alone. */
const LIBP2P_QUESTIONS_PER_MINUTE = 6;

interface DiscoveryFigures {
  readonly hosts: number;
  /** All had met, in ms after they started together. */
  readonly metMs: number;
  /** Packets of the first minute. */
  readonly firstMinute: number;
  readonly questionsPerMinute: number;
  readonly answersPerMinute: number;
  /** What libp2p's mDNS would send: a question of each every 10 s, answered by each. */
  readonly libp2pPerMinute: number;
}

async function measure(hosts: number): Promise<DiscoveryFigures> {
  const clock = createVirtualClock(0, settleMicrotasks);
  const lan = createSimulatedLan(clock);
  for (let index = 0; index < hosts; index++) lan.add().speaker.restart();
  let metMs = 0;
  while (!lan.hosts.every(({ connected }) => connected.size === hosts - 1)) {
    metMs += 10;
    await clock.advance(10);
  }
  await clock.advance(60_000 - metMs);
  const firstMinute = lan.packets.length;
  await clock.advance(SETTLE_MS);
  const before = lan.packets.length;
  await clock.advance(MEASURE_MS);
  const settled = lan.packets.slice(before);
  const perMinute = (type: LanPacket["type"]): number => settled.filter((packet) => packet.type === type).length / (MEASURE_MS / 60_000);
  return {
    hosts,
    metMs,
    firstMinute,
    questionsPerMinute: perMinute("query"),
    answersPerMinute: perMinute("response"),
    libp2pPerMinute: LIBP2P_QUESTIONS_PER_MINUTE * hosts * (1 + hosts),
  };
}

const hostCount = whole(2, 1_000);
const values = createProgram("npm run bench:discovery --", "Counts the packets that agents send to find each other on a LAN.")
  .option("--json", "one JSON document")
  .option("--hosts <numbers>", "numbers of hosts, such as 10,20", (text) => text.split(",").map(hostCount), [10, 20, 40, 100])
  .parse()
  .opts<{ json?: true; hosts: number[] }>();
const results: DiscoveryFigures[] = [];
for (const hosts of values.hosts) results.push(await measure(hosts));

const perHost = results.map(({ hosts, questionsPerMinute, answersPerMinute }) => (questionsPerMinute + answersPerMinute) / hosts);
/** Wanted: packets a minute and host do not grow with the number of hosts; a tenth is for chance. */
const ok = perHost.every((rate) => rate <= (perHost[0] ?? 0) * 1.1);
if (values.json) process.stdout.write(`${JSON.stringify({ ok, results })}\n`);
else {
  table(process.stdout, "Packets of discovery on a LAN (virtual clock, 4 hours after settling)", [
    ["hosts", "all met after", "first minute", "questions/min", "answers/min", "per host", "libp2p's mDNS/min"],
    ...results.map((one, index) => [
      String(one.hosts),
      `${one.metMs} ms`,
      String(one.firstMinute),
      round(one.questionsPerMinute),
      round(one.answersPerMinute),
      round(perHost[index] ?? 0, 3),
      String(one.libp2pPerMinute),
    ]),
  ]);
  process.stdout.write(ok ? "\nok: no faster than the number of hosts\n" : "\nABOVE: faster than the number of hosts\n");
}
if (!ok) process.exitCode = 1;
