/** How long each program that Goose starts takes until it answers, against a Node that does nothing. Needs a built `dist/`. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { type Figures, inTurn, type Measured, timed } from "./figures.ts";

/** The programs that Goose starts as extensions. */
export const EXTENSIONS = ["mesh", "privacy-guard", "policy", "ledger"] as const;
/** A Node that runs an empty script, from its start to its end. */
export const BARE = "bare Node";
const HOOK = "hook (to its end)";
/** Rounds that fill the compile cache: a program writes its part when it ends. */
const WARM_UP = 3;

const INITIALIZE = `${JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } },
})}\n`;

/** Starts Node and waits for `until`; what it measures ends there. The process itself is waited for before the next one starts. */
function start(
  name: string,
  args: readonly string[],
  env: () => Promise<NodeJS.ProcessEnv>,
  until: (child: ChildProcess) => Promise<unknown>,
): Measured {
  return async () => {
    const given = await env();
    let ended: Promise<unknown> = Promise.resolve();
    let started: ChildProcess | undefined;
    const took = await timed(name, async () => {
      const child = spawn(process.execPath, args, { env: given, stdio: ["pipe", "pipe", "ignore"] });
      started = child;
      ended = new Promise((resolve) => child.once("close", resolve));
      await until(child);
    })();
    started?.stdin?.end();
    await ended;
    return took;
  };
}

const closed = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once("close", resolve));

const initialized =
  (name: string) =>
  (child: ChildProcess): Promise<unknown> => {
    child.stdin?.write(INITIALIZE);
    return new Promise((resolve, reject) => {
      child.stdout?.once("data", resolve);
      child.once("close", () => reject(new Error(`${name} ended before it answered; run npm run build`)));
    });
  };

/** The hook gets what Goose sends and is measured to its end: a home that never joined makes it answer no. */
const hookEnded = (child: ChildProcess): Promise<unknown> => {
  child.stdin?.end(JSON.stringify({ event: "PreToolUse", session_id: "s", tool_name: "shell" }));
  return closed(child);
};

/** Milliseconds until each program has answered: with a filled compile cache, and each time with none at all. */
export interface ExtensionStart {
  readonly warm: Readonly<Record<string, Figures>>;
  readonly cold: Readonly<Record<string, Figures>>;
}

/**
 * Measures all programs in turn, first with a warm compile cache, then each time with an empty one.
 * @param dist the built programs; `folder` is a temporary one for caches and a home where no agent is
 */
export async function measureExtensionStart({
  dist,
  folder,
  rounds,
}: {
  dist: string;
  folder: string;
  rounds: number;
}): Promise<ExtensionStart> {
  const envWith = (cache: string): NodeJS.ProcessEnv => {
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    return { ...env, XDG_CACHE_HOME: cache, LOCALAPPDATA: cache, GAGGLE_HOME: join(folder, "home-of-nobody") };
  };
  const programs = (env: () => Promise<NodeJS.ProcessEnv>): Measured[] => [
    start(BARE, ["-e", "0"], env, closed),
    ...EXTENSIONS.map((name) => start(name, [join(dist, "extensions", `${name}.js`)], env, initialized(name))),
    start(HOOK, [join(dist, "hook.js")], env, hookEnded),
  ];
  const warmCache = join(folder, "warm-cache");
  const warm = programs(async () => envWith(warmCache));
  const cold = programs(async () => envWith(await mkdtemp(join(folder, "cold-"))));
  return {
    warm: await inTurn(warm, { rounds, warmUp: WARM_UP }),
    cold: await inTurn(cold, { rounds, warmUp: 1 }),
  };
}
