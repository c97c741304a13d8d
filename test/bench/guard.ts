/**
 * What the privacy guard costs: `npm run bench:guard -- --help`.
 * Both sides of each comparison are measured in turn in one run on one machine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDetection } from "../../guard/detect/create-detection.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { createSupervisor } from "../../mesh/demo/supervisor.ts";
import { createProgram, whole } from "../support/program.ts";
import { startOrganisation } from "./bench-organisation.ts";
import { type BertComparison, compareWithBert, type NoBert } from "./guard-bert.ts";
import { type GuardCalls, measureGuardCalls } from "./guard-calls.ts";
import { type DetectionTime, measureDetection } from "./guard-detection.ts";
import { startStreamingModel } from "./guard-model-server.ts";
import { printGuardResult } from "./guard-print.ts";
import { type Machine, machineNow } from "./machine.ts";

const CLONE = join(import.meta.dirname, "..", "..");

/** A figure that is wanted, and what was measured; `atLeast` where more is better. */
export interface GuardGoal {
  readonly name: string;
  readonly unit: string;
  readonly limit: number;
  readonly atLeast: boolean;
  readonly measured: number;
  readonly ok: boolean;
}

/** Everything that was measured. */
export interface GuardBenchResult {
  readonly machine: Machine;
  readonly goals: readonly GuardGoal[];
  readonly detection: DetectionTime;
  readonly calls: GuardCalls;
  readonly bert: BertComparison | NoBert;
}

const options = createProgram("npm run bench:guard --", "Measures what the privacy guard costs, by itself and before a model.")
  .option("--json", "one JSON document on stdout, progress on stderr")
  .option("--rounds <n>", "prompts of 0.5 and 2 KiB that are counted; larger ones get fewer", whole(1), 60)
  .option("--python <program>", "a Python with torch, onnx and onnxruntime, for the model that the guard is compared with", "python3")
  .option("--no-bert", "without that comparison")
  .option("--model <folder>", "another model than the shipped one, for the detection by itself and the comparison")
  .parse()
  .opts<{ json?: true; rounds: number; python: string; bert: boolean; model?: string }>();
const { rounds } = options;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const goal = (name: string, unit: string, limit: number, measured: number, atLeast = false): GuardGoal => ({
  name,
  unit,
  limit,
  atLeast,
  measured,
  ok: atLeast ? measured >= limit : measured <= limit,
});

function goalsOf(detection: DetectionTime, calls: GuardCalls, bert: BertComparison | NoBert): GuardGoal[] {
  const cold = detection.cold["2 KiB"];
  return [
    goal("2 KiB of new text, p50", "ms", 45, cold?.p50 ?? Number.NaN),
    goal("2 KiB of new text, p95", "ms", 110, cold?.p95 ?? Number.NaN),
    goal("added to the first token, 2 KiB of new text, p50", "ms", 47, calls.cold["2 KiB"]?.addedMs.p50 ?? Number.NaN),
    goal("added to the first token, 2 KiB sent again, p50", "ms", 5, calls.resent["2 KiB"]?.addedMs.p50 ?? Number.NaN),
    goal("added to the first token, 32 KiB sent again, p50", "ms", 5, calls.resent["32 KiB"]?.addedMs.p50 ?? Number.NaN),
    goal("added to each chunk of a stream", "µs", 200, calls.addedPerChunkUs),
    ...("missing" in bert ? [] : [goal("BERT-base int8 through transformers.js ÷ guard, 2 KiB", "times", 8, bert.ratios.int8, true)]),
  ];
}

/** The guard of a real daemon, before a model that answers at once. */
async function measureDaemon(folder: string): Promise<GuardCalls> {
  const ended = new AbortController();
  const interrupted = new Promise<never>((_, reject) => ended.signal.addEventListener("abort", () => reject(ended.signal.reason)));
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => ended.abort(new Error(`Ended by ${name}.`)));
  const model = await startStreamingModel();
  const supervisor = createSupervisor(() => undefined);
  try {
    say("Founding an organisation with four members …");
    const program = { node: process.execPath, entry: join(CLONE, "dist", "gaggle.js"), signal: ended.signal };
    const measure = async (): Promise<GuardCalls> => {
      const organisation = await startOrganisation(supervisor, { folder, program, model, nodeArgs: [] });
      say("Calling a model straight and through the guard …");
      return measureGuardCalls(model, organisation, { rounds, say });
    };
    return await Promise.race([measure(), interrupted]);
  } finally {
    await supervisor.stopAll();
    await model.close();
  }
}

/** The detection by itself, and beside BERT. */
async function measureAlone(): Promise<{ detection: DetectionTime; bert: BertComparison | NoBert }> {
  const guardModel = options.model ?? join(CLONE, "guard", "model");
  const service = createDetection({ clock: systemClock, random: systemRandom }, { installFolder: CLONE, modelFolder: guardModel });
  try {
    const state = await service.warmUp();
    if (!state.ready) throw new Error(`The guard's model can't be used: ${state.reason}`);
    say("Looking through new and known texts …");
    const detection = await measureDetection(service, rounds);
    if (!options.bert) return { detection, bert: { missing: "left out by --no-bert" } };
    const bert = await compareWithBert({
      detection: service,
      guardModel,
      python: options.python,
      rounds: Math.max(10, Math.round(rounds / 4)),
      say,
    });
    if ("missing" in bert) say(`NOT COMPARED WITH BERT: ${bert.missing}`);
    return { detection, bert };
  } finally {
    await service.close();
  }
}

async function measureAll(folder: string): Promise<GuardBenchResult> {
  const machine = machineNow();
  const { detection, bert } = await measureAlone();
  const calls = await measureDaemon(folder);
  return { machine, goals: goalsOf(detection, calls, bert), detection, calls, bert };
}

const folder = await mkdtemp(join(tmpdir(), "gaggle-bench-"));
try {
  const result = await measureAll(folder);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else printGuardResult(result, process.stdout);
  if (!result.goals.every(({ ok }) => ok)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
