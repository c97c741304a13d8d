/**
 * The figures of docs/benchmarks.md, measured anew: `npm run bench:core -- --help`.
 * What counts are the ratios: both sides of each are measured in turn in one run on one machine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createSupervisor } from "../../mesh/demo/supervisor.ts";
import { createProgram, whole } from "../support/program.ts";
import { type AuditVerify, measureAuditVerify } from "./audit-verify.ts";
import { type BenchOrganisation, startOrganisation } from "./bench-organisation.ts";
import { BARE, EXTENSIONS, type ExtensionStart, measureExtensionStart } from "./extension-start.ts";
import { ratioOf } from "./figures.ts";
import { type FirstStart, measureFirstStart } from "./first-start.ts";
import { type GatewayTime, measureGatewayTime, type ModelServer, startModelServer } from "./gateway-time.ts";
import { type IdleMemory, measureIdleMemory } from "./idle-memory.ts";
import { type Machine, machineNow } from "./machine.ts";
import { measurePackageSize, type PackageSize } from "./package-size.ts";
import { printResult } from "./print-result.ts";
import { measureTaskDelivery, type TaskDelivery } from "./task-delivery.ts";

const CLONE = join(import.meta.dirname, "..", "..");
const DIST = join(CLONE, "dist");
const REST_MS = 30_000;
const EXTENSION_ROUNDS = 25;
const GATEWAY_ROUNDS = 200;

/** A figure that is wanted: the largest ratio that is good enough, and what was measured. */
export interface Goal {
  readonly name: string;
  readonly limit: number;
  readonly ratio: number;
  readonly ok: boolean;
}

/** Everything that was measured. */
export interface BenchResult {
  readonly machine: Machine;
  readonly goals: readonly Goal[];
  readonly extensionStart: ExtensionStart;
  readonly taskDelivery: TaskDelivery;
  readonly idleMemory: IdleMemory;
  readonly packageSize: PackageSize;
  readonly gateway: GatewayTime;
  readonly auditVerify: AuditVerify;
  readonly firstStart?: FirstStart;
}

type DaemonFigures = Pick<BenchResult, "idleMemory" | "taskDelivery" | "gateway" | "auditVerify">;

const options = createProgram("npm run bench:core --", "Measures extensions, tasks, memory, gateway, audit and package beside others.")
  .option("--json", "one JSON document on stdout, progress on stderr")
  .option("--start", "also `npm start` on a fresh clone of the last commit, twice; takes minutes and needs npm's registry")
  .option("--rounds <n>", "tasks that are counted", whole(1), 1_000)
  .option("--profile <folder>", "write CPU profiles of the daemons to this folder")
  .parse()
  .opts<{ json?: true; start?: true; rounds: number; profile?: string }>();

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const goal = (name: string, limit: number, ratio: number): Goal => ({ name, limit, ratio, ok: ratio <= limit });

const goalsOf = (start: ExtensionStart, task: TaskDelivery): Goal[] => [
  ...EXTENSIONS.map((name) => goal(`${name} answers initialize, warm cache ÷ bare Node`, 3.5, ratioOf(start.warm, name, BARE))),
  ...EXTENSIONS.map((name) => goal(`${name} answers initialize, no cache ÷ bare Node`, 3.5, ratioOf(start.cold, name, BARE))),
  goal("1 KB task in the other inbox ÷ echo and two sync writes", 4, task.ratioInOtherInbox),
  goal("1 KB task's receipt recorded ÷ echo and two sync writes", 4, task.ratioReceiptRecorded),
];

/** Measures what a running organisation does. Memory first, while the daemons are fresh. */
async function measureRunning(organisation: BenchOrganisation, model: ModelServer, folder: string): Promise<DaemonFigures> {
  say(`Letting the daemons rest for ${REST_MS / 1_000} s …`);
  const idleMemory = await measureIdleMemory(organisation, REST_MS);
  say(`Sending ${options.rounds} tasks of 1 KB …`);
  const taskDelivery = await measureTaskDelivery(organisation, { folder, rounds: options.rounds });
  say("Calling a model through the guard …");
  const gateway = await measureGatewayTime(model, organisation, GATEWAY_ROUNDS);
  say("Verifying the audit export of all that …");
  return { idleMemory, taskDelivery, gateway, auditVerify: await measureAuditVerify(organisation, folder) };
}

/** Runs an organisation while it is measured; also where somebody ends this program, its processes end. */
async function measureDaemons(folder: string): Promise<DaemonFigures> {
  const { profile } = options;
  const ended = new AbortController();
  const interrupted = new Promise<never>((_, reject) => ended.signal.addEventListener("abort", () => reject(ended.signal.reason)));
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => ended.abort(new Error(`Ended by ${name}.`)));
  const model = await startModelServer();
  const nodeArgs = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(profile)}`];
  const program = { node: process.execPath, entry: join(DIST, "gaggle.js"), signal: ended.signal };
  const supervisor = createSupervisor(() => undefined);
  try {
    say("Founding an organisation with four members …");
    const measure = async (): Promise<DaemonFigures> =>
      measureRunning(await startOrganisation(supervisor, { folder, program, model, nodeArgs }), model, folder);
    return await Promise.race([measure(), interrupted]);
  } finally {
    await supervisor.stopAll();
    await model.close();
  }
}

async function measureAll(folder: string): Promise<BenchResult> {
  const before = machineNow();
  say("Packing …");
  const packageSize = await measurePackageSize(CLONE, folder);
  say("Starting each extension …");
  const extensionStart = await measureExtensionStart({ dist: DIST, folder, rounds: EXTENSION_ROUNDS });
  const daemons = await measureDaemons(folder);
  if (options.start) say("Running npm start on a fresh clone, twice; this takes minutes …");
  const firstStart = options.start ? { firstStart: await measureFirstStart(CLONE, folder) } : {};
  return { machine: before, goals: goalsOf(extensionStart, daemons.taskDelivery), extensionStart, ...daemons, packageSize, ...firstStart };
}

const folder = await mkdtemp(join(tmpdir(), "gaggle-bench-"));
try {
  const result = await measureAll(folder);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else printResult(result, process.stdout);
  if (!result.goals.every(({ ok }) => ok)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
