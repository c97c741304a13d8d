/** The built product's demo as a child process in a temporary folder, followed from outside: its output, timeline and processes. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { carries, listProcesses, type ProcessEntry } from "../../mesh/executor/process-table.ts";
import type { TimelineEntry } from "../../mesh/demo/page/model.ts";
import { REPOSITORY } from "./executor-world.ts";
import { sharedEnv } from "./shared-env.ts";

/** The built program; tests of the product run what users run. */
export const PROGRAM = join(REPOSITORY, "dist", "gaggle.js");
/** Longest silence of a close while a step is waited for, and longest wait for its end, on a machine that does other work too. */
const SILENT_MS = 120_000;
const END_MS = 300_000;
const POLL_MS = 15;

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder outside the one that demos write, removed on disposal. */
export interface Workplace extends Disposable {
  readonly dir: string;
  /** A home of its own, so that nothing of the machine's user is read. */
  readonly env: NodeJS.ProcessEnv;
}

/** Makes an empty workplace. @param root folder to make it in */
export function workplace(root = tmpdir()): Workplace {
  const folder = realpathSync(mkdtempSync(join(root, "gaggle-demo-")));
  const env = { ...sharedEnv(), HOME: folder, NO_COLOR: "1" };
  return { dir: join(folder, "demo"), env, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }) };
}

/** A demo that runs, or ran. Disposal ends whatever is left of it. */
export interface DemoRun extends AsyncDisposable {
  readonly dir: string;
  readonly pid: number;
  /** What was printed so far. */
  stdout(): string;
  /** The timeline's lines so far. */
  timeline(): TimelineEntry[];
  /** Resolves with the first line of the timeline that fits. Throws where the demo ends before. */
  step(what: string, fits: (entry: TimelineEntry) => boolean): Promise<TimelineEntry>;
  /** Resolves once the text was printed. Throws where the demo ends before. */
  printed(text: string): Promise<void>;
  /** Pid of a process of the demo, by its name in `processes.json`. */
  pidOf(name: string): number;
  /** All processes of this demo but the demo's own: they carry its folder in their environment, or descend from one that does. */
  processes(): Promise<ProcessEntry[]>;
  kill(signal: NodeJS.Signals): void;
  ended(): Promise<Ended>;
}

/** Starts `gaggle demo` in the folder of a workplace. */
export function startDemo({ dir, env }: Workplace, args: readonly string[] = []): DemoRun {
  const child = spawn(process.execPath, [PROGRAM, ...args, "demo", "--dir", dir], { env, stdio: ["ignore", "pipe", "pipe"] });
  return follow(dir, child);
}

/** Starts the demo again on what an earlier one left. */
export function startDemoAgain({ dir, env }: Workplace): DemoRun {
  const child = spawn(process.execPath, [PROGRAM, "demo", "--dir", dir, "--again"], { env, stdio: ["ignore", "pipe", "pipe"] });
  return follow(dir, child);
}

function follow(dir: string, child: ChildProcess): DemoRun {
  let stdout = "";
  let stderr = "";
  let heardAt = performance.now();
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    heardAt = performance.now();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  let end: Ended | undefined;
  const closed = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      end = { code, signal, stdout, stderr };
      resolve(end);
    });
  });
  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;
  /** With the last steps, which a demo that speaks JSON does not print. */
  const lately = (): string => {
    const steps = timeline().slice(-10);
    return [stdout.slice(-1_500), stderr.slice(-1_500), ...steps.map(({ atMs, lane, text }) => `${atMs} ms ${lane}: ${text}`)].join("\n");
  };

  const until = async <T>(what: string, look: () => T | undefined): Promise<T> => {
    const beganAt = performance.now();
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (hasExited()) throw new Error(`The demo ended before ${what}:\n${lately()}`);
      if (performance.now() - Math.max(beganAt, heardAt) > SILENT_MS)
        throw new Error(`The demo did not come to ${what}, and said nothing more:\n${lately()}`);
      await sleep(POLL_MS);
    }
  };

  const timeline = (): TimelineEntry[] => {
    const file = join(dir, "timeline.jsonl");
    if (!existsSync(file)) return [];
    const whole = readFileSync(file, "utf8");
    const lines = whole.slice(0, whole.lastIndexOf("\n") + 1).split("\n");
    return lines.filter(Boolean).map((line) => JSON.parse(line) as TimelineEntry);
  };

  const processes = async (): Promise<ProcessEntry[]> => {
    const all = (await listProcesses()).filter(({ pid }) => pid !== child.pid);
    const marked = await Promise.all(all.map(async ({ pid }) => ((await carries(pid, "GAGGLE_DEMO", dir)) ? [pid] : [])));
    const found = new Set(marked.flat());
    for (let size = -1; size !== found.size; ) {
      size = found.size;
      for (const { pid, ppid } of all) if (found.has(ppid)) found.add(pid);
    }
    return all.filter(({ pid }) => found.has(pid));
  };

  return {
    dir,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    timeline,
    step: (what, fits) => until(what, () => timeline().find(fits)),
    printed: (text) => until(JSON.stringify(text), () => (stdout.includes(text) ? null : undefined)).then(() => undefined),
    pidOf(name) {
      const pid = (JSON.parse(readFileSync(join(dir, "processes.json"), "utf8")) as Record<string, number>)[name];
      if (pid === undefined) throw new Error(`There is no process ${name}.`);
      return pid;
    },
    processes,
    kill: (signal) => void child.kill(signal),
    async ended() {
      const late = AbortSignal.timeout(END_MS);
      const waited = new Promise<never>((_, reject) =>
        late.addEventListener("abort", () => reject(new Error(`The demo did not end in time:\n${lately()}`))),
      );
      return end ?? Promise.race([closed, waited]);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      for (const { pid } of await processes()) killByPid(pid);
      if (child.pid !== undefined) await closed;
    },
  };
}

/** Kills a process that may have ended already. */
export function killByPid(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Runs a command of the built program to its end. */
export function runProgram(args: readonly string[], { env }: Pick<Workplace, "env">, extra: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [PROGRAM, ...args],
      { env: { ...env, ...extra }, timeout: 60_000, maxBuffer: 67_108_864 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** Polls until `isSo`; throws after `ms`. */
export async function waitUntil(what: string, ms: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain: ${what}`);
    await sleep(POLL_MS * 2);
  }
}
