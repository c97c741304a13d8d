/**
 * Processes that tests started, directly or through a command: found by their home, ended by handle, or by id and start. An id alone may be another's by the
 * time it is used: ids run out within minutes here, and a signal to the id of a thread hits its whole process.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { sep } from "node:path";
import { until } from "./until.ts";

/** A process as it was seen. */
export interface SeenProcess {
  readonly pid: number;
  /** When it started, as the system writes it; empty where it had ended. */
  readonly start: string;
}

/** A process with a Gaggle home. */
export interface HomeProcess extends SeenProcess {
  readonly args: readonly string[];
}

/** The process that has this id now. */
export const seen = (pid: number): SeenProcess => ({ pid, start: startOf(pid) });

/** proc_pid_stat(5): the name in parentheses may hold anything, so fields are counted from its end. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

/** Whether a process runs. */
export const isRunning = (pid: number): boolean => startOf(pid) !== "";

/** Sends a signal to a process that still is the one that was seen; one that is gone is fine. */
export function signalSeen({ pid, start }: SeenProcess, name: NodeJS.Signals): void {
  if (start !== "" && startOf(pid) === start) process.kill(pid, name);
}

/** Ends a process at once and waits until it is gone; one that is gone already is fine. */
export async function killAndWait(one: SeenProcess): Promise<void> {
  signalSeen(one, "SIGKILL");
  await until(`process ${one.pid} is gone`, () => one.start === "" || startOf(one.pid) !== one.start);
}

/** Ends a child at once and waits until it is gone; one that is gone already is fine. */
export async function killChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** The processes that were started with this home, or one in this folder, other than the test itself. */
export function processesIn(folder: string): HomeProcess[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const isOurs = `${homeOf(pid)}${sep}`.startsWith(`${folder}${sep}`) && isRunning(pid);
      return isOurs ? [{ ...seen(pid), args: wordsOf(pid, "cmdline").filter((arg) => arg !== "") }] : [];
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
  await Promise.all(left.map(killAndWait));
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
