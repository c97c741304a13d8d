/**
 * The mesh's figures of docs/benchmarks.md, measured anew: `npm run bench:mesh -- --help`.
 * Ratios are of things measured in turn in one run; absolute times vary by machine.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Option } from "commander";
import { createSupervisor } from "../../mesh/demo/supervisor.ts";
import { createProgram, whole } from "../support/program.ts";
import { startOrganisation } from "./bench-organisation.ts";
import { ratioOf } from "./figures.ts";
import { startModelServer } from "./gateway-time.ts";
import { type MeshLoad, measureMeshLoad } from "./mesh-agents.ts";
import { type CardFigures, measureCards, printCards, slowestSpreadMs } from "./mesh-cards.ts";
import { type HostileFigures, measureHostile } from "./mesh-hostile.ts";
import { measureRivals, RIVALS, type RivalFigures } from "./mesh-rivals.ts";
import { measureThroughput, printThroughput, type ThroughputFigures } from "./mesh-throughput.ts";
import { figureRows, round, table } from "./table.ts";

const DIST = join(import.meta.dirname, "..", "..", "dist");
const PROCESSES = 4;
const SESSIONS = 300;
const PER_SECOND = 30;
const CLIMB = [60, 120, 240, 480, 960];
const CLIMB_SECONDS = 20;
const P95_MS = 150;

/** Everything that was measured; what was not asked for is left out. */
interface MeshFigures {
  readonly rivals?: RivalFigures;
  readonly throughput?: ThroughputFigures;
  readonly load?: MeshLoad;
  readonly hostile?: HostileFigures;
  readonly cards?: CardFigures;
}

/** A figure that is wanted. */
interface Goal {
  readonly name: string;
  readonly wanted: string;
  readonly measured: string;
  readonly ok: boolean;
}

const options = createProgram("npm run bench:mesh --", "Measures the mesh beside other ways to send, under load and under attack.")
  .option("--json", "one JSON document on stdout, progress on stderr")
  .option("--rounds <n>", "tasks that are counted beside the others; four times as many requests under attack", whole(1), 500)
  .option("--agents <n>", "agents under the even load", whole(2), 100)
  .option("--seconds <n>", "how long the even load lasts", whole(1), 120)
  .addOption(new Option("--only <part>", "this part alone").choices(["rivals", "throughput", "load", "hostile", "cards"]))
  .parse()
  .opts<{ json?: true; rounds: number; agents: number; seconds: number; only?: string }>();

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const wants = (part: string): boolean => options.only === undefined || options.only === part;

/** Runs a founded organisation of real daemons beside the others. */
async function runRivals(folder: string): Promise<RivalFigures> {
  const model = await startModelServer();
  const supervisor = createSupervisor(() => undefined);
  const program = { node: process.execPath, entry: join(DIST, "gaggle.js"), signal: new AbortController().signal };
  try {
    say("Founding an organisation with four members …");
    const organisation = await startOrganisation(supervisor, { folder, program, model, nodeArgs: [] });
    say(`Sending ${options.rounds} tasks, and as many by other means …`);
    return await measureRivals(organisation, { folder, rounds: options.rounds });
  } finally {
    await supervisor.stopAll();
    await model.close();
  }
}

const runLoad = (folder: string): Promise<MeshLoad> =>
  measureMeshLoad(
    folder,
    {
      agents: options.agents,
      processes: PROCESSES,
      sessions: SESSIONS,
      perSecond: PER_SECOND,
      seconds: options.seconds,
      climb: CLIMB,
      climbSeconds: CLIMB_SECONDS,
      p95Ms: P95_MS,
    },
    say,
  );

function goalsOf({ rivals, throughput, load, hostile, cards }: MeshFigures): Goal[] {
  const goals: Goal[] = [];
  if (rivals?.figures[RIVALS.jetstream] !== undefined) {
    const ratio = ratioOf(rivals.figures, RIVALS.stored, RIVALS.jetstream);
    goals.push({ name: "send to stored ÷ JetStream, medians", wanted: "≤ 4", measured: round(ratio), ok: ratio <= 4 });
  }
  if (throughput !== undefined) {
    const { pair, eight } = throughput;
    goals.push({
      name: "durable tasks/s between two agents",
      wanted: "≥ 1,500",
      measured: round(pair.perSecond, 0),
      ok: pair.perSecond >= 1_500,
    });
    goals.push({
      name: "the same in all of 8 agents",
      wanted: "≥ 1,200",
      measured: round(eight.perSecond, 0),
      ok: eight.perSecond >= 1_200,
    });
  }
  const [first] = load?.steps ?? [];
  if (load !== undefined && first !== undefined) {
    const name = `${load.agents} agents, ${SESSIONS} sessions, ${first.perSecond} tasks/s: p95 to the result`;
    goals.push({ name, wanted: `≤ ${P95_MS} ms`, measured: `${round(first.times.p95)} ms`, ok: first.times.p95 <= P95_MS });
    goals.push({ name: "the same: failures", wanted: "0", measured: String(first.failed), ok: first.failed === 0 });
  }
  for (const { attack, ratioP95, failed } of hostile?.attacks ?? []) {
    const name = `a good peer's p95 while ${attack} ÷ undisturbed`;
    goals.push({ name, wanted: "≤ 2", measured: round(ratioP95), ok: ratioP95 <= 2 && failed === 0 });
  }
  if (cards !== undefined) {
    const slowestMs = slowestSpreadMs(cards);
    const name = `a changed card at all of ${cards.agents} agents, up to 5 % of frames lost`;
    goals.push({ name, wanted: "≤ 5 s", measured: `${round(slowestMs / 1_000)} s`, ok: slowestMs <= 5_000 });
  }
  return goals;
}

function printLoad(load: MeshLoad): void {
  const title = `${load.agents} agents in ${load.processes} processes: all met in ${round(load.metSeconds, 1)} s, ${round(load.mibPerAgent, 0)} MiB an agent`;
  table(process.stdout, title, [
    ["tasks/s", "p50 ms", "p95 ms", "failed", "cores", ""],
    ...load.steps.map(({ perSecond, times, failed, cores, held }) => [
      String(perSecond),
      round(times.p50),
      round(times.p95),
      String(failed),
      round(cores),
      held ? "held" : "BROKEN",
    ]),
  ]);
}

function print(goals: readonly Goal[], { rivals, throughput, load, hostile, cards }: MeshFigures): void {
  const out = process.stdout;
  const [cpu] = cpus();
  out.write(
    `Node ${process.version}, ${availableParallelism()} × ${cpu?.model ?? "unknown"}, load ${round(loadavg()[0] ?? 0)} at the end\n`,
  );
  table(out, "Wanted figures", [
    ["figure", "wanted", "measured", ""],
    ...goals.map(({ name, wanted, measured, ok }) => [name, wanted, measured, ok ? "ok" : "MISSED"]),
  ]);
  if (rivals !== undefined) table(out, "1 KB task beside the others", figureRows(rivals.figures));
  for (const line of rivals?.missing ?? []) out.write(`  left out: ${line}\n`);
  if (throughput !== undefined) printThroughput(out, throughput);
  if (load !== undefined) printLoad(load);
  if (cards !== undefined) printCards(out, cards);
  if (hostile === undefined) return;
  const { apart, besideLoad, attacks } = hostile;
  const figures = { "beside a process that only computes": besideLoad };
  for (const { attack, undisturbed, times } of attacks)
    Object.assign(figures, { [`before ${attack}`]: undisturbed, [`while ${attack}`]: times });
  const where = apart ? "the attacker has processors of its own" : "the attacker takes its share of the same processors";
  table(out, `Requests of a good peer; ${where}`, figureRows(figures));
}

const folder = await mkdtemp(join(tmpdir(), "gaggle-bench-"));
try {
  const agents = join(folder, "agents");
  await mkdir(agents);
  const figures: MeshFigures = {
    ...(wants("rivals") ? { rivals: await runRivals(folder) } : {}),
    ...(wants("throughput") ? { throughput: await measureThroughput(folder, say) } : {}),
    ...(wants("load") ? { load: await runLoad(agents) } : {}),
    ...(wants("hostile") ? { hostile: await measureHostile(4 * Number(options.rounds), say) } : {}),
    ...(wants("cards") ? { cards: await measureCards(say) } : {}),
  };
  const goals = goalsOf(figures);
  if (options.json) process.stdout.write(`${JSON.stringify({ node: process.version, goals, ...figures })}\n`);
  else print(goals, figures);
  if (!goals.every(({ ok }) => ok)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
