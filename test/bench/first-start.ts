/** How long `npm start` takes on a fresh clone with an empty home: the first time with its set-up, and the second time. */
import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { delimiter, join, sep } from "node:path";
import { z } from "zod";
import { figuresOf, timed } from "./figures.ts";

/** Seconds; and what the run's own timeline tells about its tasks. */
export interface FirstStart {
  readonly firstSeconds: number;
  readonly secondSeconds: number;
  /** Median from `task.send` to the result of an unattended run, in seconds, and of how many tasks. */
  readonly taskRoundTripSeconds: number;
  readonly tasks: number;
}

/** Clones, and runs `npm start` twice. @param folder a temporary one */
export async function measureFirstStart(clone: string, folder: string): Promise<FirstStart> {
  const [fresh, home] = [join(folder, "clone"), join(folder, "new-home")];
  await mkdir(home);
  const env = newcomersEnvironment(home);
  await run("git", ["clone", "--quiet", clone, fresh], { cwd: folder, env });
  const start = timed("start", () => run("npm", ["start"], { cwd: fresh, env }));
  const { start: first = Number.NaN } = await start();
  const { start: second = Number.NaN } = await start();
  const trips = taskRoundTrips(await readFile(join(fresh, ".gaggle-demo", "timeline.jsonl"), "utf8"));
  return {
    firstSeconds: first / 1_000,
    secondSeconds: second / 1_000,
    taskRoundTripSeconds: figuresOf(trips).p50 / 1_000,
    tasks: trips.length,
  };
}

/** An empty home, and a PATH without this clone's own programs, which npm puts in front of it. */
function newcomersEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|XDG_|NODE_|GAGGLE_|INIT_CWD$)/.test(name));
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((part) => !part.includes(`node_modules${sep}.bin`));
  return { ...Object.fromEntries(kept), HOME: home, USERPROFILE: home, PATH: path.join(delimiter) };
}

/** Runs a command in silence. @throws Error with what it said where it fails */
function run(command: string, args: readonly string[], { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], shell: process.platform === "win32" });
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => void said.push(chunk));
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0
        ? resolve()
        : reject(new Error(`${Buffer.concat(said).toString("utf8")}\n${command} ${args.join(" ")} ended with ${code}.`)),
    );
  });
}

const entry = z.object({ atMs: z.number(), lane: z.string(), kind: z.string(), ref: z.string().optional() });

/** From each "task-sent" to the last "task-state" of the same task in the asker's lane, in milliseconds. */
function taskRoundTrips(timeline: string): number[] {
  const entries = timeline
    .trim()
    .split("\n")
    .map((line) => entry.parse(JSON.parse(line)));
  return entries
    .filter(({ kind }) => kind === "task-sent")
    .flatMap((sent) => {
      const ended = entries.findLast(({ kind, lane, ref }) => kind === "task-state" && lane === sent.lane && ref === sent.ref);
      return ended === undefined ? [] : [ended.atMs - sent.atMs];
    });
}
