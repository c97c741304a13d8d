/** Checks of this machine: Node, Goose, the agent's files, its daemon and socket. */
import { execFile } from "node:child_process";
import { lstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { homePaths } from "../../agent/agent-config.ts";
import { connectDaemon } from "../../client/connect-daemon.ts";
import type { Env } from "../../client/home.ts";
import { secureSocketFolder, socketPathFor } from "../../client/socket-path.ts";
import type { DaemonResult } from "../../contract/daemon-api.ts";
import { findGoose } from "../../executor/find-goose.ts";
import { ifThere } from "../setup/replace-file.ts";
import { type Check, fail, ok, warn } from "./check.ts";

const OLDEST_NODE = [22, 18] as const;
const OLDEST_GOOSE = [1, 52] as const;
const GOOSE_TIMEOUT_MS = 10_000;
const DAEMON_TIMEOUT_MS = 3_000;

/** Whether `have`, such as `v24.21.0`, is at least the given major and minor version. */
export function isAtLeast(have: string, [major, minor]: readonly [number, number]): boolean {
  const [haveMajor = 0, haveMinor = 0] = have.replace(/^v/, "").split(".").map(Number);
  return haveMajor > major || (haveMajor === major && haveMinor >= minor);
}

/** The Node that runs this program. */
export function checkNode(version: string): Check {
  const oldest = OLDEST_NODE.join(".");
  if (isAtLeast(version, OLDEST_NODE)) return ok("node", `Node ${version}`);
  return fail("node", `Node ${version} is too old.`, `Install Node 24 from https://nodejs.org; ${oldest} is the oldest that works.`);
}

/** Goose, and that it is new enough for the hooks and the provider to work. */
export async function checkGoose(env: Env, installDir: string): Promise<Check> {
  const goose = findGoose({ env, installDir });
  const { stdout } = await promisify(execFile)(goose, ["--version"], { timeout: GOOSE_TIMEOUT_MS, env: { ...env } });
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0];
  const fix = `Update Goose to ${OLDEST_GOOSE.join(".")} or newer, or set GAGGLE_GOOSE to the path of one.`;
  if (version === undefined) return fail("goose", `${goose} does not tell a version.`, fix);
  if (!isAtLeast(version, OLDEST_GOOSE)) return fail("goose", `Goose ${version} at ${goose} is too old: its hooks don't fail closed.`, fix);
  return ok("goose", `Goose ${version} at ${goose}`);
}

/** That only the user can read the agent's files. Windows has no such modes. */
export function checkFileModes(home: string): Check {
  if (process.platform === "win32") return ok("files", "Kept in the user's own profile folder");
  const { keys } = homePaths(home);
  const paths = [keys, ...(ifThere(() => readdirSync(keys)) ?? []).map((name) => join(keys, name))];
  const open = paths.filter((path) => ((ifThere(() => statSync(path).mode) ?? 0) & 0o077) !== 0);
  if (open.length === 0) return ok("files", `Only you can read ${keys}`);
  return fail(
    "files",
    `Others can read ${open.join(", ")}.`,
    `Run: chmod -R go= '${keys}'. If others use this machine, leave and join again for new keys.`,
  );
}

/** Where the daemon listens, and that nobody else can. */
export function checkSocket(home: string): Check {
  const path = socketPathFor(home);
  if (process.platform === "win32") return ok("socket", path);
  secureSocketFolder(dirname(path));
  const found = ifThere(() => lstatSync(path));
  if (found === undefined) return warn("socket", `There is no socket at ${path}.`, "Start the daemon: gaggle agent");
  if (!found.isSocket() || (found.mode & 0o077) !== 0) {
    return fail(
      "socket",
      `${path} is no socket, or is open to others.`,
      "Stop the daemon, remove the file and start it again: gaggle agent",
    );
  }
  return ok("socket", path);
}

/** What the daemon says about itself, and the check of it. */
export async function askDaemon(home: string): Promise<{ status: DaemonResult<"daemon.status"> }> {
  const client = await connectDaemon({ home, program: "doctor", timeoutMs: DAEMON_TIMEOUT_MS });
  try {
    return { status: await client.call("daemon.status", {}, { timeoutMs: DAEMON_TIMEOUT_MS }) };
  } finally {
    client.close();
  }
}

/** What this agent holds against the bootstrap node, and nobody has acknowledged. */
export function checkAlarms({ audit: { alarms = 0 } }: DaemonResult<"daemon.status">): Check {
  if (alarms === 0) return ok("audit", "No open alarm about the bootstrap node");
  const fix = "Look at them: gaggle audit alarms. Then, with what you found: gaggle audit acknowledge ID --reason TEXT";
  return warn("audit", `${alarms} open ${alarms === 1 ? "alarm" : "alarms"} about the bootstrap node`, fix);
}

/** The daemon, by its own words. */
export function checkDaemon({ pid, version, outbox }: DaemonResult<"daemon.status">, installed: string): Check {
  const fix = `End process ${pid}; a new daemon starts by itself.`;
  if (version !== installed) return warn("daemon", `The daemon is Gaggle ${version}; ${installed} is installed.`, fix);
  if (outbox.dead > 0)
    return warn("daemon", `Answers (pid ${pid}); ${outbox.dead} messages could not be delivered.`, "Look at them: gaggle dead");
  return ok("daemon", `Answers (pid ${pid}, Gaggle ${version})`);
}
