/**
 * Measures how long each extension takes from its start until `initialize` is answered, against a Node that does nothing, in one run and in turns.
 * Run with `node test/bench/extension-start.ts [--json] [--rounds N]` after `npm run build`. Times are milliseconds; the ratio is what counts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const DIST = join(import.meta.dirname, "..", "..", "dist");
const EXTENSIONS = ["mesh", "privacy-guard", "policy", "ledger"] as const;
/** The largest ratio that is good enough for an extension. */
const LIMIT = 3.5;
const WARM_UP = 3;

const INITIALIZE = `${JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } },
})}\n`;

/** Starts Node, waits for `until`, and tells how long that took; then waits for the process's end. */
async function time(args: readonly string[], env: NodeJS.ProcessEnv, until: (child: ChildProcess) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  await until(child);
  const taken = performance.now() - started;
  child.stdin?.end();
  await ended;
  return taken;
}

const bare = (env: NodeJS.ProcessEnv): Promise<number> =>
  time(["-e", "0"], env, (child) => new Promise((resolve) => child.once("close", resolve)));

const initialize = (name: string, env: NodeJS.ProcessEnv): Promise<number> =>
  time([join(DIST, "extensions", `${name}.js`)], env, (child) => {
    child.stdin?.write(INITIALIZE);
    return new Promise((resolve, reject) => {
      child.stdout?.once("data", resolve);
      child.once("close", () => reject(new Error(`${name} ended before it answered; run npm run build`)));
    });
  });

/** The hook gets what Goose sends and is measured to its end: a home that never joined makes it answer no. */
const hook = (env: NodeJS.ProcessEnv): Promise<number> =>
  time([join(DIST, "hook.js")], env, (child) => {
    child.stdin?.end(JSON.stringify({ event: "PreToolUse", session_id: "s", tool_name: "shell" }));
    return new Promise((resolve) => child.once("close", resolve));
  });

/** One row: median and 95th percentile of a program, and how many times a bare Node its median is. */
interface Row {
  readonly program: string;
  readonly p50: number;
  readonly p95: number;
  readonly ratio: number;
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

async function measure(rounds: number, env: NodeJS.ProcessEnv): Promise<Row[]> {
  const programs: [name: string, run: () => Promise<number>][] = [
    ["bare node", () => bare(env)],
    ...EXTENSIONS.map((name): [string, () => Promise<number>] => [name, () => initialize(name, env)]),
    ["hook (to its end)", () => hook(env)],
  ];
  const taken = new Map(programs.map(([name]) => [name, [] as number[]]));
  for (let round = -WARM_UP; round < rounds; round++) {
    // In turns, so that what else the machine does falls on all of them.
    for (const [name, run] of programs) {
      const ms = await run();
      if (round >= 0) taken.get(name)?.push(ms);
    }
  }
  const sorted = [...taken].map(([program, times]) => ({ program, times: times.sort((a, b) => a - b) }));
  const base = percentile(sorted[0]?.times ?? [], 0.5);
  return sorted.map(({ program, times }) => {
    const p50 = percentile(times, 0.5);
    return { program, p50, p95: percentile(times, 0.95), ratio: p50 / base };
  });
}

const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "25" } } });
const folder = mkdtempSync(join(tmpdir(), "gaggle-bench-"));
try {
  // A compile cache of its own, which the warm-up fills, and a home where no agent is.
  const env = {
    ...process.env,
    XDG_CACHE_HOME: join(folder, "cache"),
    LOCALAPPDATA: join(folder, "cache"),
    GAGGLE_HOME: join(folder, "home"),
  };
  const rows = await measure(Number(values.rounds), env);
  const ok = rows.filter(({ program }) => EXTENSIONS.some((name) => name === program)).every(({ ratio }) => ratio <= LIMIT);
  if (values.json) process.stdout.write(`${JSON.stringify({ node: process.version, limit: LIMIT, ok, rows })}\n`);
  else {
    process.stdout.write(`${"program".padEnd(20)}${"p50 ms".padStart(9)}${"p95 ms".padStart(9)}${"× bare".padStart(9)}\n`);
    for (const { program, p50, p95, ratio } of rows) {
      process.stdout.write(
        `${program.padEnd(20)}${p50.toFixed(1).padStart(9)}${p95.toFixed(1).padStart(9)}${ratio.toFixed(2).padStart(9)}\n`,
      );
    }
    process.stdout.write(
      ok ? `All extensions start within ${LIMIT} × a bare Node.\n` : `An extension takes more than ${LIMIT} × a bare Node.\n`,
    );
  }
  if (!ok) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
