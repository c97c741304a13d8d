/** Each process of the close is killed in the middle, those that don't work for each other in one close: it still ends, right and once. */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import type { TimelineEntry } from "../../mesh/demo/page/model.ts";
import { listProcesses } from "../../mesh/executor/process-table.ts";
import { auditEvents, expectClosed } from "../support/close-evidence.ts";
import { type DemoRun, startDemo, workplace } from "../support/demo-run.ts";
import { until } from "../support/until.ts";

const ALL_MS = 600_000;

/** A process to kill; `restarted`: its name where the demo keeps it running. */
interface Victim {
  kill(run: DemoRun): Promise<void> | void;
  readonly restarted?: string;
}

type Moment = (entry: TimelineEntry) => boolean;
/** What is killed when. */
type Kill = readonly [at: Moment, victim: Victim];

const step =
  (lane: string, kind: TimelineEntry["kind"]): Moment =>
  (entry) =>
    entry.lane === lane && entry.kind === kind;

/** Which process of a service was killed last in a run: a late test may find its second moment before the demo has brought back the first. */
const killed = new WeakMap<DemoRun, Map<string, number>>();
const service = (name: string): Victim => ({
  async kill(run) {
    const last = killed.get(run) ?? new Map<string, number>();
    killed.set(run, last);
    const pid = await until(`${name} runs again`, () => [run.pidOf(name)].find((one) => one !== last.get(name)));
    last.set(name, pid);
    process.kill(pid, "SIGKILL");
  },
  restarted: name,
});
/** The process above is held meanwhile, so that the run can't be over before a starved test has found its Goose. */
const goose = (argument: string, above: (run: DemoRun) => number): Victim => ({
  async kill(run) {
    const holder = above(run);
    process.kill(holder, "SIGSTOP");
    try {
      process.kill(await gooseUnder(holder, argument), "SIGKILL");
    } finally {
      process.kill(holder, "SIGCONT");
    }
  },
});

/** The Goose with this in its command line that descends from the process `above`. */
async function gooseUnder(above: number, argument: string): Promise<number> {
  const all = await listProcesses();
  const parents = new Map(all.map(({ pid, ppid }) => [pid, ppid]));
  const descends = (pid: number): boolean => pid === above || (parents.has(pid) && descends(parents.get(pid) ?? 0));
  const found = all.filter(({ pid }) => pid !== above && descends(pid)).find(({ pid }) => isGoose(pid, argument));
  if (found === undefined) throw new Error("No such Goose runs there.");
  return found.pid;
}

function isGoose(pid: number, argument: string): boolean {
  const file = `/proc/${pid}/cmdline`;
  const [program = "", ...args] = existsSync(file) ? readFileSync(file, "utf8").split("\0") : [];
  return basename(program) === "goose" && args.some((one) => one.includes(argument));
}

/** Runs a close in which each victim is killed at its moment, and checks what it left. */
async function expectCloseDespite(kills: readonly Kill[]): Promise<void> {
  using work = workplace();
  await using run = startDemo(work);
  const done = kills.map(async ([at, { kill }], i) => {
    await run.step(`the step of kill ${i + 1}`, at);
    await kill(run);
  });
  await Promise.all(done);
  const restarted = kills.flatMap(([, victim]) => victim.restarted ?? []);
  await expectClosed(work, await run.ended(), restarted);
  const starts = auditEvents(run.dir).filter(({ action }) => action === "daemon.start");
  expect(starts).toHaveLength(5 + restarted.filter((name) => name !== "bootstrap").length);
  expect(await run.processes()).toEqual([]);
}

const finance = "fiona.berg";
const marketing = "marco.diaz";
const engineering = "elena.novak";
const hr = "hanna.okoye";
const executive = "edward.lindqvist";

// The processes are looked up in /proc.
describe.runIf(process.platform === "linux")("the close goes on, and ends right and once, when in the middle of it", () => {
  it.each<[string, readonly Kill[]]>([
    [
      "the departments' daemons are killed: marketing's in its run, engineering's at the start of its run, HR's when the request has come in",
      [
        [step(marketing, "model-call"), service(marketing)],
        [step(engineering, "run-start"), service(engineering)],
        [step(hr, "task-received"), service(hr)],
      ],
    ],
    [
      "finance's daemon is killed while the departments work, and once more while the approval waits",
      [
        [step(marketing, "run-start"), service(finance)],
        [step(executive, "approval-received"), service(finance)],
      ],
    ],
    [
      "finance's Goose is killed, and the bootstrap node, marketing's Goose in its run, and the executive's daemon when the request has come in",
      [
        [step(finance, "task-sent"), goose("month-end-close", ({ pid }) => pid)],
        [step(finance, "task-sent"), service("bootstrap")],
        [step(marketing, "model-call"), goose("acp", (run) => run.pidOf(marketing))],
        [step(executive, "approval-received"), service(executive)],
      ],
    ],
  ])("%s", { timeout: ALL_MS }, (_name, kills) => expectCloseDespite(kills));
});
