/**
 * Memory of a bootstrap node under some load: the built program, with its policy engine and its libp2p peer, while 20 agents of the sample organisation
 * call it. Resident memory is what the node itself tells its metrics.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type BootstrapClient, createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { createAuditShipper } from "../../mesh/audit/ship.ts";
import { openAuditChain } from "../../mesh/audit/chain.ts";
import { installFolder } from "../../mesh/client/install-folder.ts";
import { orgInit } from "../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../mesh/cli/org/org-invite.ts";
import { orgSign } from "../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import { newUuid } from "../../mesh/contract/ids.ts";
import { parseInvitation } from "../../mesh/identity/invitation.ts";
import { agentIdOf, createSigner, generateAgentKeys, publicJwkOf } from "../../mesh/identity/keys.ts";
import { sealMail } from "../../mesh/mailbox/sealed-mail.ts";
import { createCommitQueue } from "../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../support/memory-store.ts";

const MB = 1_000_000;
const AGENTS = 20;
const EVENTS = 100;
const SAMPLE_MS = 500;
/** Pause of an agent between two rounds of eight calls: together up to 80 calls a second, more than 1,000 agents make in a busy hour. */
const PAUSE_MS = 2_000;
/** People of the sample and their roles. */
const PEOPLE = [
  ["fiona.berg", "finance"],
  ["marco.diaz", "marketing"],
  ["edward.lindqvist", "executive"],
] as const;

/** What was measured. */
export interface NodeMemoryFigures {
  /** Resident memory of a node that nobody has called yet. */
  readonly nodeIdleMB: number;
  /** The most while 20 agents call it. */
  readonly nodePeakMB: number;
  /** Requests answered in that time, each second. */
  readonly nodeRequestsPerS: number;
}

interface Deps {
  readonly clock: Clock;
  readonly random: Random;
  say(line: string): void;
}

interface Caller {
  readonly agentId: string;
  readonly client: BootstrapClient;
  readonly seal: ReturnType<typeof publicJwkOf>;
  /** Ships what its chain has, after some more has happened. */
  work(): Promise<void>;
}

async function enrol(link: string, { clock, random }: Deps): Promise<Caller> {
  const { baseUrl, claims, secret } = parseInvitation(link);
  const keys = generateAgentKeys(random);
  const signer = createSigner(keys.sign);
  const agentId = agentIdOf(signer.publicJwk);
  const client = createBootstrapClient({ signer, clock, random, fetch }, { baseUrl, org: claims.org });
  const seal = publicJwkOf(keys.seal);
  await client.join({ invitation: secret.jws, seal });
  const store = openMemoryStore();
  const chain = await openAuditChain({ store, random, signer }, { org: claims.org, agentId });
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const shipper = createAuditShipper({ store, queue, chain, signer, clock }, { org: claims.org, agentId, maxEvents: EVENTS });
  const actor = { type: "agent" as const, id: agentId, role: claims.role };
  return {
    agentId,
    client,
    seal,
    async work() {
      const target = `task:${newUuid(clock.now(), random)}`;
      await queue.run((tx) => {
        for (let i = 0; i < EVENTS; i++) tx.audit({ actor, action: "task.state", target, result: "ok", traceId: "0".repeat(32) });
      });
      const batch = await shipper.nextBatch();
      if (batch !== undefined) await shipper.acknowledge((await client.ingest(batch)).seq);
    },
  };
}

/** What an agent does over and over; returns how many requests that were. */
async function callAround(me: Caller, to: Caller, { clock, random }: Deps): Promise<number> {
  await me.work();
  await me.client.directory();
  await me.client.evaluate({ action: "task.send", targetRole: "marketing", resource: "accruals" });
  await me.client.candidates({ skill: "accruals" });
  const sealed = await sealMail([{ to: to.agentId, jws: "x".repeat(2_000) }], [to.seal]);
  const id = newUuid(clock.now(), random);
  await me.client.handOver("routeTask", { id, deposits: [{ id, to: [to.agentId], sealed }] });
  await me.client.status(id);
  await me.client.withdrawMail({ ids: [id] });
  await me.client.events({});
  return 8;
}

async function residentMB(ops: string): Promise<number> {
  const text = await (await fetch(`${ops}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / MB;
}

async function startNode(dir: string): Promise<{ child: ChildProcess; url: string; ops: string }> {
  const program = join(installFolder(import.meta.url), "dist", "gaggle.js");
  const options = ["--dir", dir, "--port", "0", "--peer-listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--json"];
  const env = { ...process.env, GAGGLE_LOG: "warn", GAGGLE_KEY_PROTECTION: "none" };
  const child = spawn(process.execPath, [program, "bootstrap", ...options], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { child, ...(JSON.parse(chunk.toString("utf8")) as { url: string; ops: string }) };
}

/** Measures. @param folder for the organisation; @param loadMs how long the agents call */
export async function measureNodeMemory(folder: string, deps: Deps, loadMs = 30_000): Promise<NodeMemoryFigures> {
  const dir = join(folder, "node-memory");
  const out = createOutput({ write: () => undefined }, true);
  const orgDeps = { ...deps, fetch };
  await orgInit({ dir, installDir: installFolder(import.meta.url), content: "sample" }, out, orgDeps);
  await orgSign({ dir }, out, orgDeps);
  const { child, url, ops } = await startNode(join(dir, "bootstrap"));
  try {
    await sleep(2_000);
    const nodeIdleMB = await residentMB(ops);
    const callers: Caller[] = [];
    for (let i = 0; i < AGENTS; i++) {
      const [user, role] = PEOPLE[i % PEOPLE.length] ?? PEOPLE[0];
      callers.push(await enrol(await orgInvite({ dir, role, user, url }, out, orgDeps), deps));
    }
    deps.say(`node memory: ${AGENTS} agents call for ${loadMs / 1_000} s`);
    const endAt = performance.now() + loadMs;
    let requests = 0;
    let peak = nodeIdleMB;
    const load = callers.map(async (me, i) => {
      const to = callers[(i + 1) % AGENTS] ?? me;
      while (performance.now() < endAt) {
        const made = await callAround(me, to, deps);
        requests += made;
        await sleep(PAUSE_MS);
      }
    });
    const watch = (async () => {
      while (performance.now() < endAt) {
        peak = Math.max(peak, await residentMB(ops));
        await sleep(SAMPLE_MS);
      }
    })();
    await Promise.all([...load, watch]);
    return { nodeIdleMB: Math.round(nodeIdleMB), nodePeakMB: Math.round(peak), nodeRequestsPerS: Math.round(requests / (loadMs / 1_000)) };
  } finally {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}
