/**
 * What many messages for a recipient that is off cost: memory while they are accepted, and time and memory of the next start. Each step is a process of
 * its own over the same LevelDB. Run: `node test/bench/long-outbox.ts [--tasks N]`.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { OrderedStore } from "../../mesh/contract/ports.ts";
import { openLevelStore } from "../../mesh/store/level-store.ts";
import { createTestMember, createTestOrg } from "../support/audit-fixture.ts";
import type { MemoryStore } from "../support/memory-store.ts";
import { type NodeWorld, startNode } from "../support/messaging-node.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

/** What one process showed; megabytes are of its resident memory. */
interface Step {
  readonly queued: number;
  readonly startSeconds: number;
  readonly startCpuSeconds: number;
  readonly mibBefore: number;
  readonly mibAfter: number;
}

const TASK_BYTES = 1_024;
const AT_ONCE = 200;

const mib = (): number => {
  globalThis.gc?.();
  return Math.round(process.memoryUsage.rss() / 1_048_576);
};

/** Starts the agent, has it accept `add` tasks for a colleague who is off, and says what that cost. */
async function runStep(folder: string, nowMs: number, add: number): Promise<Step> {
  const random = createSeededRandom(7);
  const org = createTestOrg(random);
  const [sender, receiver] = ["sender", "receiver"].map((subject) => createTestMember(org, random, { subject, role: subject }, nowMs));
  if (sender === undefined || receiver === undefined) throw new Error("There are two members.");
  const network: NodeWorld["network"] = {
    linkOf: () => ({ request: () => Promise.reject(new GaggleError("PEER_UNREACHABLE", "The peer is off.")) }),
    attach: () => undefined,
    detach: () => undefined,
  };
  const store = (await openLevelStore(join(folder, "store"))) as OrderedStore as MemoryStore;
  const mibBefore = mib();
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage().user + process.cpuUsage().system;
  const node = await startNode({ clock: systemClock, random: systemRandom, org, members: [sender, receiver], network }, sender, {}, store);
  const startSeconds = (performance.now() - startedAt) / 1_000;
  const startCpuSeconds = (process.cpuUsage().user + process.cpuUsage().system - cpuBefore) / 1e6;
  for (let i = 0; i < add; i += AT_ONCE) {
    const send = (_: unknown, j: number) => {
      const key = `task-${i + j}`;
      return node.call("task.send", { target: { targetRole: "receiver" }, task: key.padEnd(TASK_BYTES, "x"), idempotencyKey: key });
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, add - i) }, send));
  }
  const { queued } = await node.messaging.counts();
  const mibAfter = mib();
  node.messaging.stop();
  await store.close();
  return { queued, startSeconds, startCpuSeconds, mibBefore, mibAfter };
}

const [folderGiven, nowGiven, addGiven] = process.argv.slice(2);
if (folderGiven !== undefined && addGiven !== undefined && !folderGiven.startsWith("--")) {
  process.stdout.write(`${JSON.stringify(await runStep(folderGiven, Number(nowGiven), Number(addGiven)))}\n`);
  process.exit(0);
}
const { values } = parseArgs({ options: { tasks: { type: "string", default: "100000" } } });
const folder = await mkdtemp(join(tmpdir(), "gaggle-outbox-"));
const step = (add: number): Promise<void> => {
  const args = ["--expose-gc", import.meta.filename, folder, String(Date.now()), String(add)];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  return new Promise((done) => child.once("exit", () => done()));
};
try {
  await step(Number(values.tasks));
  await step(0);
} finally {
  await rm(folder, { recursive: true, force: true });
}
