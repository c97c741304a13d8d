/** The verdict on a chaos run, from what the daemons left on their disks and what their runs did outside. Daemons must be quiet by now. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { systemRandom } from "../../mesh/agent/system.ts";
import { continueChain, EMPTY_CHAIN, openAuditChain } from "../../mesh/audit/chain.ts";
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import { canonicalJson } from "../../mesh/contract/json.ts";
import { TERMINAL_STATES } from "../../mesh/contract/message.ts";
import type { AskerTask, WorkerTask } from "../../mesh/session/task-record.ts";
import { openLevelStore } from "../../mesh/store/level-store.ts";
import type { DaemonWorld } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import type { Sent } from "./run-chaos.ts";

/** What is judged. */
export interface ChaosEvidence {
  readonly world: DaemonWorld;
  readonly people: readonly string[];
  readonly sent: readonly Sent[];
  /** Folder of the outside world. */
  readonly outside: string;
}

/** What one agent's disk holds. */
interface Disk {
  readonly name: string;
  readonly asked: ReadonlyMap<string, AskerTask>;
  readonly worked: ReadonlyMap<string, WorkerTask>;
  /** How often a run's result counted, by task. */
  readonly finished: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

const MAX_SHOWN = 20;

async function readDisk(world: DaemonWorld, name: string): Promise<Disk> {
  const agent = world.agent(name);
  const store = await until(`the store of ${name} is free`, () => openLevelStore(homePaths(agent.home).store));
  try {
    const tasks = async <T>(side: string): Promise<Map<string, T>> => {
      const rows = await store.range({ gte: `task/${side}/`, lt: `task/${side}0` });
      return new Map(rows.map(([key, text]) => [key.slice(`task/${side}/`.length), JSON.parse(text) as T]));
    };
    const { org, agentId } = agent.config;
    const chain = await openAuditChain({ store, random: systemRandom }, { org, agentId });
    const events = await chain.list({ fromSeq: 1, limit: 10_000_000 });
    return {
      name,
      asked: await tasks("asker"),
      worked: await tasks("worker"),
      finished: countFinished(events),
      problems: checkChain(name, events),
    };
  } finally {
    await store.close();
  }
}

function checkChain(name: string, events: readonly AuditEvent[]): string[] {
  try {
    continueChain(EMPTY_CHAIN, events);
    return [];
  } catch (error) {
    return [`the audit chain of ${name} is broken: ${String(error)}`];
  }
}

function countFinished(events: readonly AuditEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { action, target, details } of events) {
    if (action !== "run.finish" || details["fenced"] !== false || details["state"] !== "COMPLETED") continue;
    const taskId = target.slice("run:".length);
    counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  }
  return counts;
}

/** What is wrong with one task that its sender was given an id for, or that its daemon took without being able to say so. */
function problemsOf(asked: AskerTask, worker: Disk | undefined, outside: string): string[] {
  const { taskId, state, delivery } = asked;
  const worked = worker?.worked.get(taskId);
  if (!TERMINAL_STATES.has(state)) return [`task ${taskId} is ${state} at its asker`];
  if (worked === undefined)
    return delivery === "dead" || state === "CANCELED" ? [] : [`task ${taskId} is ${state} and unknown at its worker`];
  const found: string[] = [];
  if (worked.state !== state || canonicalJson(worked.result ?? null) !== canonicalJson(asked.result ?? null))
    found.push(`task ${taskId} is ${state} at its asker and ${worked.state} at its worker, or its results differ`);
  const finished = worker?.finished.get(taskId) ?? 0;
  if (finished !== (state === "COMPLETED" ? 1 : 0)) found.push(`task ${taskId} is ${state} with ${finished} committed results`);
  const steps = Number(worked.context["steps"] ?? 1);
  for (let step = 1; state === "COMPLETED" && step <= steps; step++)
    if (!existsSync(join(outside, `${taskId}.${step}`))) found.push(`task ${taskId} is COMPLETED without its effect ${step}`);
  return found;
}

/** Stops the daemons and reads everything. @returns what is wrong, at most twenty lines and how many more */
export async function judgeChaos({ world, people, sent, outside }: ChaosEvidence): Promise<string[]> {
  for (const name of people) {
    const agent = world.agent(name);
    // One that was only just launched shows up late.
    await until(`${name} is down`, () => (agent.daemonPids().length === 0 ? true : agent.kill().then(() => false)));
  }
  const disks: Disk[] = [];
  for (const name of people) disks.push(await readDisk(world, name));
  const byAgent = new Map(disks.map((disk) => [world.agent(disk.name).agentId, disk]));
  const problems = disks.flatMap((disk) => disk.problems);
  const keys = new Map<string, number>();
  const known = new Set<string>();

  for (const { asked } of disks) {
    for (const task of asked.values()) {
      known.add(task.taskId);
      keys.set(task.task, (keys.get(task.task) ?? 0) + 1);
      problems.push(...problemsOf(task, byAgent.get(task.peer.agentId), outside));
    }
  }
  for (const [key, count] of keys) if (count > 1) problems.push(`${key} became ${count} tasks under one idempotency key`);
  for (const { taskId, from } of sent)
    if (taskId !== undefined && !known.has(taskId)) problems.push(`task ${taskId} was accepted by ${from} and is lost`);
  for (const { name, worked } of disks)
    for (const taskId of worked.keys()) if (!known.has(taskId)) problems.push(`${name} works on task ${taskId}, which nobody asked for`);
  for (const file of readdirSync(outside).filter((name) => /\.\d+$/.test(name)))
    if (!known.has(file.replace(/\.\d+$/, ""))) problems.push(`effect ${file} belongs to no task`);
  return problems.length <= MAX_SHOWN ? problems : [...problems.slice(0, MAX_SHOWN), `and ${problems.length - MAX_SHOWN} more`];
}
