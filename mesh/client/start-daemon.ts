/** Starts the agent daemon in the background. Several may be started at once: the one that gets the store's lock stays. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { GaggleError } from "../contract/errors.ts";
import type { Env } from "./home.ts";

/** Variable that says `never` where something else keeps the daemon running, or a daemon's end is the end: in unattended runs, in the demo. */
export const AUTOSTART_VARIABLE = "GAGGLE_AUTOSTART";

/** How to start a daemon: absolute paths of Node and of Gaggle's program, and the daemon's whole environment. */
export interface AutoStart {
  readonly node: string;
  readonly entry: string;
  readonly env: Env;
}

/** A daemon process that was started: running, or ended with a code. */
export interface StartedDaemon {
  readonly pid: number | undefined;
  /** Undefined while it runs; 0 where another daemon already had the home. */
  exitCode(): number | undefined;
  /** Why it ended, where it has said so: a code and its message, in one line. */
  reason(): string | undefined;
  /** Lets it end: another one serves the home. Left alone, it would take the home over if that one were stopped before it has looked. */
  dismiss(): void;
}

/** Where the output of a daemon goes that was started in the background. */
export const startLogPath = (home: string): string => join(home, "logs", "agent-start.log");

/** A daemon that can't start ends with a code of ours and its message. Anything else, such as a stack, is for the log alone. */
const REASON = /^[A-Z][A-Z_]{2,40} {2}\P{C}{1,600}$/u;
const MAX_REASON_BYTES = 8_192;

/** The last line of the log that was written since `from`, where it is such a reason. */
function reasonIn(home: string, from: number): string | undefined {
  let log: number;
  try {
    log = openSync(startLogPath(home), "r");
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(log);
    const start = Math.max(from, size - MAX_REASON_BYTES);
    const tail = Buffer.alloc(Math.max(0, size - start));
    const read = readSync(log, tail, 0, tail.length, start);
    const last = tail.toString("utf8", 0, read).trimEnd().split("\n").at(-1) ?? "";
    return REASON.test(last) ? last : undefined;
  } finally {
    closeSync(log);
  }
}

/**
 * Starts `node <entry> agent` detached, its output in {@link startLogPath}.
 * @throws GaggleError NOT_JOINED where the home has no `config.json`
 */
export function startDaemon(home: string, start: AutoStart): StartedDaemon {
  if (!existsSync(join(home, "config.json"))) {
    throw new GaggleError("NOT_JOINED", `This machine has not joined an organisation (no agent in ${home}). Run: gaggle join <invitation>`);
  }
  mkdirSync(join(home, "logs"), { recursive: true, mode: 0o700 });
  const log = openSync(startLogPath(home), "a", 0o600);
  const { size: from } = fstatSync(log);
  let code: number | undefined;
  let child: ChildProcess;
  try {
    // The session's id belongs to one chat and the daemon outlives chats.
    const env = { ...start.env, GAGGLE_HOME: home, AGENT_SESSION_ID: undefined };
    child = spawn(start.node, [start.entry, "agent"], {
      cwd: home,
      env,
      detached: true,
      stdio: ["ignore", log, log],
      windowsHide: true,
    });
    child.once("exit", (exit) => {
      code = exit ?? 1;
    });
    child.once("error", () => {
      code = 1;
    });
    child.unref();
  } finally {
    closeSync(log);
  }
  return { pid: child.pid, exitCode: () => code, reason: () => reasonIn(home, from), dismiss: () => void child.kill() };
}
