/**
 * Some of the agents of one organisation in one process, for the mesh's bench: the real messaging, audit chain, LevelDB and libp2p of each, without
 * guard and gateway. Arguments: JSON {@link AgentsPart}. Its standard input takes one JSON line a command, its output gives one line an answer.
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { spareOptimisedWasm } from "../../mesh/cli/lean-wasm.ts";
import type { OrderedStore } from "../../mesh/contract/ports.ts";
import { verifyMembership } from "../../mesh/identity/membership.ts";
import { createPeerNode } from "../../mesh/peer/create-peer-node.ts";
import type { PeerMembership, PeerNode } from "../../mesh/peer/peer-node.ts";
import { openLevelStore } from "../../mesh/store/level-store.ts";
import { createTestMember, createTestOrg, type TestMember } from "../support/audit-fixture.ts";
import { createMemoryBook } from "../support/peer-world.ts";
import { createRealClock, realRandom } from "../support/real-clock.ts";
import type { MemoryStore } from "../support/memory-store.ts";
import { type NodeWorld, startNode, type TestNode } from "../support/messaging-node.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

/** Which agents run here. All processes make the same keys from `seed` and `nowMs`. */
export interface AgentsPart {
  readonly seed: number;
  readonly nowMs: number;
  readonly total: number;
  readonly from: number;
  readonly to: number;
  readonly folder: string;
}

/** Commands, each with its answer's shape beside it in {@link AgentsAnswer}. */
export type AgentsCommand =
  /** Dials addresses and waits until every agent here has met all others. */
  | { readonly do: "meet"; readonly addresses: readonly string[] }
  /** Sends tasks at an even rate from agents here to any agents, in `sessions` sessions; waits for all results. */
  | { readonly do: "load"; readonly perSecond: number; readonly seconds: number; readonly sessions: number };

/** Answers. Times are milliseconds from `task.send` to the result at the asker. */
export interface AgentsAnswer {
  readonly addresses?: readonly string[];
  readonly metMs?: number;
  readonly times?: readonly number[];
  readonly failed?: number;
  readonly rssBytes: number;
  readonly cpuSeconds: number;
}

const SKILL = "echo";
const RESULT_WAIT_MS = 20_000;
/** A task that has no result by then has failed. */
const LOST_MS = 60_000;
const MEET_MS = 240_000;
const TASK_BYTES = 1_024;

const part = JSON.parse(process.argv[2] ?? "{}") as AgentsPart;
const clock = createRealClock();
const org = createTestOrg(createSeededRandom(part.seed));
const keys = createSeededRandom(part.seed + 1);
const members: TestMember[] = Array.from({ length: part.total }, (_, i) =>
  createTestMember(org, keys, { subject: `agent.${i}`, role: `role-${i % 10}` }, part.nowMs),
);

const membershipOf = (member: TestMember): PeerMembership => ({
  credential: () => member.credential,
  verify(jwt, agentId) {
    const { agent, sub, role, department } = verifyMembership({ jwt, manifest: org.manifest, nowMs: clock.now(), agentId });
    return { agentId: agent, subject: sub, role, department };
  },
  bundleVersion: () => 1,
  revocationSeq: () => 0,
  card: () => ({ version: 1, skills: [{ id: SKILL, description: "Gives back what it got." }] }),
});

/** A peer node as the network that a test's node asks for. */
const networkOf = (peer: PeerNode): NodeWorld["network"] => ({
  linkOf: () => peer,
  attach: (_agentId, receive) => peer.handleFrames((frame, from) => receive(frame, from.agentId)),
  detach: () => undefined,
});

const asDisk = (store: OrderedStore): MemoryStore =>
  Object.assign(store, {
    crash: () => {
      throw new Error("A real disk is not crashed here.");
    },
  }) as unknown as MemoryStore;

interface Agent {
  readonly peer: PeerNode;
  readonly node: TestNode;
}

async function startAgent(member: TestMember): Promise<Agent> {
  const peer = await createPeerNode(
    {
      privateKey: member.keys.sign,
      membership: membershipOf(member),
      book: createMemoryBook(),
      onRefusal: () => undefined,
      clock,
      random: realRandom,
      log: { debug: () => undefined, warn: () => undefined },
    },
    { org: org.org, listen: ["/ip4/127.0.0.1/tcp/0"], bootstrapPeers: [], mdns: false },
  );
  const world: NodeWorld = { clock, random: realRandom, org, members, network: networkOf(peer) };
  const disk = asDisk(await openLevelStore(join(part.folder, member.principal.subject)));
  const run = { outcome: { state: "COMPLETED" as const, result: { ok: true } }, delayMs: 0 };
  const node = await startNode(world, member, { skills: { [SKILL]: "safe" }, concurrency: 64, run: () => run }, disk);
  peer.onPeerChange(({ type, member: other }) => {
    if (type === "connected") node.messaging.peerConnected(other.principal.agentId);
  });
  return { peer, node };
}

/** Sends one task; the milliseconds until its result is here, or undefined where it did not come. */
async function sendOne(agent: Agent, to: TestMember, sessionId: string, id: string): Promise<number | undefined> {
  const startedAt = performance.now();
  const target = { agentId: to.principal.agentId, skill: SKILL };
  const { taskId } = await agent.node.call("task.send", { target, task: "x".repeat(TASK_BYTES), sessionId, idempotencyKey: id });
  while (performance.now() - startedAt < LOST_MS) {
    const status = await agent.node.call("status.fetch", { id: taskId, waitMs: RESULT_WAIT_MS });
    if (status.kind === "task" && status.state === "COMPLETED") return performance.now() - startedAt;
    if (status.kind === "task" && status.state === "FAILED") return undefined;
  }
  return undefined;
}

/** Starts tasks at an even rate, whether or not earlier ones have ended: a queue that grows shows in the times. */
async function load(
  agents: readonly Agent[],
  { perSecond, seconds, sessions }: Extract<AgentsCommand, { do: "load" }>,
): Promise<AgentsAnswer> {
  const count = Math.round(perSecond * seconds);
  const random = createSeededRandom(part.seed + part.from + count);
  const pick = (below: number): number => Buffer.from(random.bytes(4)).readUInt32BE() % below;
  const startedAt = performance.now();
  const results: Promise<number | undefined>[] = [];
  for (let i = 0; i < count; i++) {
    const dueAt = startedAt + (i * 1_000) / perSecond;
    if (dueAt > performance.now()) await sleep(dueAt - performance.now());
    const agent = agents[pick(agents.length)];
    const to = members.filter(({ principal }) => principal.agentId !== agent?.node.self.agentId)[pick(members.length - 1)];
    if (agent === undefined || to === undefined) throw new Error("There is nobody to send a task to.");
    results.push(sendOne(agent, to, `session-${pick(sessions)}`, `${part.from}-${count}-${i}`).catch(() => undefined));
  }
  const times = await Promise.all(results);
  const ended = times.filter((ms) => ms !== undefined);
  return { times: ended, failed: times.length - ended.length, ...usage() };
}

async function meet(agents: readonly Agent[], addresses: readonly string[]): Promise<AgentsAnswer> {
  const startedAt = performance.now();
  for (const { peer } of agents) {
    for (const address of addresses) {
      if (!peer.addresses().includes(address)) await peer.dial(address).catch(() => undefined);
    }
  }
  while (agents.some(({ peer }) => peer.members().length < part.total - 1)) {
    if (performance.now() - startedAt > MEET_MS) throw new Error("The agents did not all meet in time.");
    await sleep(100);
  }
  return { metMs: performance.now() - startedAt, ...usage() };
}

function usage(): Pick<AgentsAnswer, "rssBytes" | "cpuSeconds"> {
  const { user, system } = process.cpuUsage();
  return { rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
}

const answer = (line: AgentsAnswer): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

// As the daemons do.
spareOptimisedWasm();
const agents: Agent[] = [];
for (const member of members.slice(part.from, part.to)) agents.push(await startAgent(member));
answer({ addresses: agents.flatMap(({ peer }) => peer.addresses().slice(0, 1)), ...usage() });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as AgentsCommand;
  answer(command.do === "meet" ? await meet(agents, command.addresses) : await load(agents, command));
}
process.exit(0);
