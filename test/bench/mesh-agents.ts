/** Many agents on one machine under an even load: how long a task takes from `task.send` to its result, and from which rate on it breaks. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Figures, figuresOf } from "./figures.ts";
import type { AgentsAnswer, AgentsCommand, AgentsPart } from "./mesh-agents-process.ts";

/** How many and how long. Rates are tasks a second in all. */
export interface MeshLoadPlan {
  readonly agents: number;
  readonly processes: number;
  readonly sessions: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** Rates to climb to afterwards, each for `climbSeconds`; ends at the first that breaks. */
  readonly climb: readonly number[];
  readonly climbSeconds: number;
  /** Longest 95th percentile that counts as held. */
  readonly p95Ms: number;
}

/** One rate. */
export interface MeshLoadStep {
  readonly perSecond: number;
  readonly times: Figures;
  readonly failed: number;
  readonly held: boolean;
  /** Share of the machine's processors that the agents used, 0 to 1 for one core. */
  readonly cores: number;
}

/** What many agents did. */
export interface MeshLoad {
  readonly agents: number;
  readonly processes: number;
  /** Until each had met all others. */
  readonly metSeconds: number;
  readonly mibPerAgent: number;
  readonly steps: readonly MeshLoadStep[];
}

/** Commands for one process; answers come in order. */
interface Part {
  readonly child: ChildProcess;
  next(): Promise<AgentsAnswer>;
  tell(command: AgentsCommand): Promise<AgentsAnswer>;
}

function startPart(options: AgentsPart): Part {
  const args = ["--max-semi-space-size=16", join(import.meta.dirname, "mesh-agents-process.ts"), JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<AgentsAnswer> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("A process of the bench's agents ended; what it said is above.");
    return JSON.parse(value) as AgentsAnswer;
  };
  return {
    child,
    next,
    tell(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return next();
    },
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

async function runStep(
  parts: readonly Part[],
  plan: MeshLoadPlan,
  perSecond: number,
  seconds: number,
  cpuBefore: number,
): Promise<MeshLoadStep & { cpu: number }> {
  const startedAt = performance.now();
  const command: AgentsCommand = { do: "load", perSecond: perSecond / parts.length, seconds, sessions: plan.sessions };
  const answers = await Promise.all(parts.map((part) => part.tell(command)));
  const times = figuresOf(answers.flatMap(({ times: some = [] }) => some));
  const failed = sum(answers.map(({ failed: some = 0 }) => some));
  const cpu = sum(answers.map(({ cpuSeconds }) => cpuSeconds));
  const cores = (cpu - cpuBefore) / ((performance.now() - startedAt) / 1_000);
  return { perSecond, times, failed, held: failed === 0 && times.p95 <= plan.p95Ms, cores, cpu };
}

/** Runs the plan. @param folder where the agents' stores lie */
export async function measureMeshLoad(folder: string, plan: MeshLoadPlan, say: (line: string) => void): Promise<MeshLoad> {
  const { agents, processes } = plan;
  const common = { seed: 20_261_120, nowMs: Date.now(), total: agents, folder };
  const bound = (i: number): number => Math.round((agents * i) / processes);
  const parts = Array.from({ length: processes }, (_, i) => startPart({ ...common, from: bound(i), to: bound(i + 1) }));
  try {
    const started = await Promise.all(parts.map((part) => part.next()));
    const addresses = started.flatMap(({ addresses: some = [] }) => some);
    say(`${agents} agents in ${processes} processes meet each other …`);
    // The first agents' addresses are enough: members tell each other the rest.
    const met = await Promise.all(parts.map((part) => part.tell({ do: "meet", addresses: addresses.slice(0, 2) })));
    const steps: MeshLoadStep[] = [];
    let cpu = sum(met.map(({ cpuSeconds }) => cpuSeconds));
    for (const [i, perSecond] of [plan.perSecond, ...plan.climb].entries()) {
      const seconds = i === 0 ? plan.seconds : plan.climbSeconds;
      say(`${perSecond} tasks a second for ${seconds} s …`);
      const { cpu: after, ...step } = await runStep(parts, plan, perSecond, seconds, cpu);
      cpu = after;
      steps.push(step);
      if (!step.held) break;
    }
    const metSeconds = Math.max(...met.map(({ metMs = 0 }) => metMs)) / 1_000;
    return { agents, processes, metSeconds, mibPerAgent: sum(met.map(({ rssBytes }) => rssBytes)) / agents / 1_048_576, steps };
  } finally {
    for (const { child } of parts) child.kill();
  }
}
