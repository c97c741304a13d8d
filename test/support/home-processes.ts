/** Processes that tests started, directly or through a command: found by their home, ended by their id. */
import { readdirSync, readFileSync } from "node:fs";
import { sep } from "node:path";
import { until } from "./until.ts";

/** A process with a Gaggle home. */
export interface HomeProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

/** Whether a process runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

/** Ends a process at once and waits until it is gone; one that is gone already is fine. */
export async function killAndWait(pid: number | undefined): Promise<void> {
  if (pid === undefined) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
  await until(`process ${pid} is gone`, () => !isRunning(pid));
}

/** The processes that were started with this home, or one in this folder, other than the test itself. */
export function processesIn(folder: string): HomeProcess[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const isOurs = `${homeOf(pid)}${sep}`.startsWith(`${folder}${sep}`) && isRunning(pid);
      return isOurs ? [{ pid, args: wordsOf(pid, "cmdline").filter((arg) => arg !== "") }] : [];
    } catch {
      // It ended while it was looked at, or is another user's.
      return [];
    }
  });
}

/** Ends every process with a home in this folder, also what one of them started in its last moment. */
export async function killAllIn(folder: string): Promise<void> {
  const left = processesIn(folder);
  if (left.length === 0) return;
  await Promise.all(left.map(({ pid }) => killAndWait(pid)));
  await killAllIn(folder);
}

/** The home of a process; empty where it has none. */
function homeOf(pid: number): string {
  const name = "GAGGLE_HOME=";
  return (
    wordsOf(pid, "environ")
      .find((one) => one.startsWith(name))
      ?.slice(name.length) ?? ""
  );
}

const wordsOf = (pid: number, file: "environ" | "cmdline"): string[] => readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
