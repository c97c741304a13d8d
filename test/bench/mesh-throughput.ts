/**
 * How many durable tasks a second go from one agent to another with many in flight: the real messaging, audit chain, LevelDB and libp2p of both, each
 * in a process of its own, without guard, gateway and local socket. A task counts when the sender's disk has the receipt that the receiver gave after
 * its own sync. Run: `node test/bench/mesh-throughput.ts [--tasks N] [--in-flight N] [--profile FOLDER]`.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { spareOptimisedWasm } from "../../mesh/cli/lean-wasm.ts";
import { verifyMembership } from "../../mesh/identity/membership.ts";
import { createPeerNode } from "../../mesh/peer/create-peer-node.ts";
import type { PeerNode } from "../../mesh/peer/peer-node.ts";
import { openLevelStore } from "../../mesh/store/level-store.ts";
import { withRecentWrites } from "../../mesh/store/recent-writes.ts";
import { createTestMember, createTestOrg } from "../support/audit-fixture.ts";
import type { MemoryStore } from "../support/memory-store.ts";
import { type NodeWorld, startNode } from "../support/messaging-node.ts";
import { createMemoryBook } from "../support/peer-world.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { round, table } from "./table.ts";

/** What one run showed. */
export interface MeshThroughput {
  readonly tasks: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Processor time of one task in microseconds, all threads of the process. */
  readonly senderMicros: number;
  readonly receiverMicros: number;
}

/** How much is sent. */
export interface ThroughputPlan {
  readonly tasks: number;
  readonly inFlight: number;
  /** Folder for CPU profiles. */
  readonly profile?: string;
}

const TASK_BYTES = 1_024;
const SEED = 7;
const POLL_MS = 2;

type Role = "sender" | "receiver";
interface Part {
  readonly role: Role;
  readonly folder: string;
  readonly nowMs: number;
}

const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** One of the two agents, in this process. Both make the same keys from one seed. */
async function startPart({ role, folder, nowMs }: Part) {
  const random = createSeededRandom(SEED);
  const org = createTestOrg(random);
  const members = [
    createTestMember(org, random, { subject: "sender", role: "sender" }, nowMs),
    createTestMember(org, random, { subject: "receiver", role: "receiver" }, nowMs),
  ];
  const member = members.find(({ principal }) => principal.subject === role);
  if (member === undefined) throw new Error("There is no such part.");
  const peer: PeerNode = await createPeerNode(
    {
      privateKey: member.keys.sign,
      membership: {
        credential: () => member.credential,
        verify(jwt, agentId) {
          const {
            agent,
            sub,
            role: ofAgent,
            department,
          } = verifyMembership({ jwt, manifest: org.manifest, nowMs: systemClock.now(), agentId });
          return { agentId: agent, subject: sub, role: ofAgent, department };
        },
        bundleVersion: () => 1,
        revocationSeq: () => 0,
        card: () => ({ version: 1, skills: [] }),
      },
      book: createMemoryBook(),
      onRefusal: () => undefined,
      clock: systemClock,
      random: systemRandom,
      log: { debug: () => undefined, warn: () => undefined },
    },
    { org: org.org, listen: ["/ip4/127.0.0.1/tcp/0"], bootstrapPeers: [], mdns: false },
  );
  const network: NodeWorld["network"] = {
    linkOf: () => peer,
    attach: (_agentId, receive) => peer.handleFrames((frame, from) => receive(frame, from.agentId)),
    detach: () => undefined,
  };
  const store = withRecentWrites(await openLevelStore(join(folder, role))) as MemoryStore;
  // As fast as it goes is what is measured here, so the limit that keeps a sender from that is off.
  const rate = { perSecond: 1e9, burst: 1e9 };
  const quota = { itemsPerSender: 1e9, items: 1e9, bytes: 1e12, bytesPerSender: 1e12 };
  const node = await startNode({ clock: systemClock, random: systemRandom, org, members, network }, member, { rate, quota }, store);
  peer.onPeerChange(({ type, member: other }) => {
    if (type === "connected") node.messaging.peerConnected(other.principal.agentId);
  });
  return { peer, node };
}

async function sendAll({ node }: Awaited<ReturnType<typeof startPart>>, from: number, { tasks, inFlight }: ThroughputPlan): Promise<void> {
  const target = { targetRole: "receiver" };
  let next = from;
  let delivered = 0;
  const unsubscribe = node.chain.subscribe(({ action }) => void (action === "message.deliver" && delivered++));
  const sendMany = async (): Promise<void> => {
    while (next < from + tasks) {
      const key = `task-${next++}`;
      await node.call("task.send", { target, task: key.padEnd(TASK_BYTES, "x"), idempotencyKey: key });
      while (next - from - delivered > inFlight) await pause(POLL_MS);
    }
  };
  await Promise.all(Array.from({ length: Math.min(64, inFlight) }, sendMany));
  while (delivered < tasks) await pause(POLL_MS);
  unsubscribe();
}

async function runPart(part: Part): Promise<void> {
  const answer = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
  const started = await startPart(part);
  answer({ address: started.peer.addresses()[0] });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as { dial?: string; send?: ThroughputPlan; from?: number };
    const startedAt = performance.now();
    if (command.dial !== undefined) await started.peer.dial(command.dial);
    if (command.send !== undefined) await sendAll(started, command.from ?? 0, command.send);
    answer({ seconds: (performance.now() - startedAt) / 1_000, cpu: cpuMicros() });
  }
  process.exit(0);
}

/** Measures one run. @param folder on the disk where the stores shall lie */
export async function measureMeshThroughput(folder: string, plan: ThroughputPlan): Promise<MeshThroughput> {
  const nowMs = Date.now();
  const profiling = plan.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(plan.profile)}`];
  const start = (role: Role) => {
    const child = spawn(process.execPath, [...profiling, import.meta.filename, JSON.stringify({ role, folder, nowMs })], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const read = async () => JSON.parse(String((await lines.next()).value)) as { address: string; seconds: number; cpu: number };
    const ask = (command: unknown) => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return read();
    };
    return { child, read, ask };
  };
  const [sender, receiver] = [start("sender"), start("receiver")];
  try {
    await sender.read();
    const { address } = await receiver.read();
    await sender.ask({ dial: address });
    const warmUp = Math.ceil(plan.tasks / 5);
    await sender.ask({ send: { ...plan, tasks: warmUp }, from: 0 });
    const before = [(await sender.ask({})).cpu, (await receiver.ask({})).cpu] as const;
    const { seconds, cpu } = await sender.ask({ send: plan, from: warmUp });
    const after = (await receiver.ask({})).cpu;
    const { tasks } = plan;
    return {
      tasks,
      seconds,
      perSecond: tasks / seconds,
      senderMicros: (cpu - before[0]) / tasks,
      receiverMicros: (after - before[1]) / tasks,
    };
  } finally {
    for (const { child } of [sender, receiver]) {
      child.stdin.end();
      await new Promise((done) => child.once("exit", done));
    }
  }
}

/** One pair of agents alone, and four pairs at once. */
export interface ThroughputFigures {
  readonly pair: MeshThroughput;
  readonly eight: Pick<MeshThroughput, "tasks" | "seconds" | "perSecond">;
}

const PAIR_TASKS = 10_000;
const PAIRS = 4;

/** Measures both. @param folder on the disk where the stores shall lie */
export async function measureThroughput(folder: string, say: (line: string) => void): Promise<ThroughputFigures> {
  const inFolder = async (plan: ThroughputPlan): Promise<MeshThroughput> =>
    measureMeshThroughput(await mkdtemp(join(folder, "throughput-")), plan);
  say(`Sending ${PAIR_TASKS} tasks as fast as they go …`);
  const pair = await inFolder({ tasks: PAIR_TASKS, inFlight: 256 });
  say(`Sending as many in ${PAIRS} pairs of agents at once …`);
  const each = { tasks: PAIR_TASKS / PAIRS, inFlight: 64 };
  const runs = await Promise.all(Array.from({ length: PAIRS }, () => inFolder(each)));
  const seconds = Math.max(...runs.map((run) => run.seconds));
  return { pair, eight: { tasks: PAIR_TASKS, seconds, perSecond: PAIR_TASKS / seconds } };
}

/** Prints them. */
export function printThroughput(out: NodeJS.WritableStream, { pair, eight }: ThroughputFigures): void {
  table(out, "Durable tasks of 1 KB with many in flight", [
    ["", "tasks/s", "processor time of a task: sender", "receiver"],
    ["one pair of agents", round(pair.perSecond, 0), `${round(pair.senderMicros, 0)} µs`, `${round(pair.receiverMicros, 0)} µs`],
    [`${PAIRS} pairs at once`, round(eight.perSecond, 0), "", ""],
  ]);
}

if (import.meta.main) {
  const given = process.argv[2] ?? "";
  if (given.startsWith("{")) {
    // As the daemons do.
    spareOptimisedWasm();
    await runPart(JSON.parse(given) as Part);
  } else {
    const { values } = parseArgs({
      options: {
        tasks: { type: "string", default: "5000" },
        "in-flight": { type: "string", default: "256" },
        profile: { type: "string" },
      },
    });
    const folder = await mkdtemp(join(tmpdir(), "gaggle-throughput-"));
    const { profile } = values;
    try {
      const plan = { tasks: Number(values.tasks), inFlight: Number(values["in-flight"]), ...(profile === undefined ? {} : { profile }) };
      process.stdout.write(`${JSON.stringify(await measureMeshThroughput(folder, plan))}\n`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
