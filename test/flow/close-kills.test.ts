/** Each process of the close is killed once, in the middle: the close still ends, right and once. */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import type { TimelineEntry } from "../../mesh/demo/page/model.ts";
import { listProcesses } from "../../mesh/executor/process-table.ts";
import { auditEvents, expectClosed } from "../support/close-evidence.ts";
import { type DemoRun, slots, startDemo, workplace } from "../support/demo-run.ts";

/** Two closes at a time; each waits its turn within its time. */
const ALL_MS = 600_000;
const inTurn = slots(2);

/** A process to kill; `restarted`: its name where the demo keeps it running. */
interface Victim {
  find(run: DemoRun): Promise<number> | number;
  readonly restarted?: string;
}

type Moment = (entry: TimelineEntry) => boolean;

const step =
  (lane: string, kind: TimelineEntry["kind"]): Moment =>
  (entry) =>
    entry.lane === lane && entry.kind === kind;

const service = (name: string): Victim => ({ find: (run) => run.pidOf(name), restarted: name });
const goose = (argument: string, above: (run: DemoRun) => number): Victim => ({ find: (run) => gooseUnder(above(run), argument) });

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

/** Runs a close in which the victim is killed at that moment, and checks what it left. */
async function expectCloseDespite(at: Moment, { find, restarted }: Victim): Promise<void> {
  using work = workplace();
  await using run = startDemo(work);
  await run.step("the step at which to kill", at);
  process.kill(await find(run), "SIGKILL");
  await expectClosed(work, await run.ended());
  const starts = auditEvents(run.dir).filter(({ action }) => action === "daemon.start");
  expect(starts).toHaveLength(restarted === undefined || restarted === "bootstrap" ? 5 : 6);
  expect(/(\S+) had ended and was started again/.exec(run.stdout())?.[1]).toBe(restarted);
  expect(await run.processes()).toEqual([]);
}

// The processes are looked up in /proc.
describe.runIf(process.platform === "linux").concurrent("the close goes on, and ends right and once, when in the middle of it", () => {
  it.each<[string, Moment, Victim]>([
    ["finance's daemon is killed while the departments work", step("marco.diaz", "run-start"), service("fiona.berg")],
    ["finance's daemon is killed while the approval waits", step("edward.lindqvist", "approval-received"), service("fiona.berg")],
    ["marketing's daemon is killed in its run", step("marco.diaz", "model-call"), service("marco.diaz")],
    ["engineering's daemon is killed at the start of its run", step("elena.novak", "run-start"), service("elena.novak")],
    ["HR's daemon is killed when the request has come in", step("hanna.okoye", "task-received"), service("hanna.okoye")],
    [
      "the executive's daemon is killed when the request has come in",
      step("edward.lindqvist", "approval-received"),
      service("edward.lindqvist"),
    ],
    ["the bootstrap node is killed", step("fiona.berg", "task-sent"), service("bootstrap")],
    ["finance's Goose is killed", step("fiona.berg", "task-sent"), goose("month-end-close", ({ pid }) => pid)],
    ["marketing's Goose is killed in its run", step("marco.diaz", "model-call"), goose("acp", (run) => run.pidOf("marco.diaz"))],
  ])("%s", { timeout: ALL_MS }, (_name, at, victim) => inTurn(() => expectCloseDespite(at, victim)));
});
