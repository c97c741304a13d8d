/** What processes there are, as far as a run needs to know to be ended completely. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { systemCode } from "../contract/errors.ts";

/** One process. `start` says when it started, so that a reused pid is not taken for the old process. */
export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly start: string;
}

const PROC = "/proc";

/** All processes that this system shows. */
export const listProcesses = (): Promise<ProcessEntry[]> => (process.platform === "linux" ? fromProc() : fromPs());

/** When a process started, or undefined where there is no such process. */
export async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return (await fromPs()).find((entry) => entry.pid === pid)?.start;
  const stat = await readOrGone(`${PROC}/${pid}/stat`);
  return stat === undefined ? undefined : parseStat(stat)[0]?.start;
}

/** Whether a process of this user carries the environment variable with this value; false where the system can't tell. */
export async function carries(pid: number, name: string, value: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const environ = await readOrGone(`${PROC}/${pid}/environ`);
  return environ?.split("\0").includes(`${name}=${value}`) ?? false;
}

async function fromProc(): Promise<ProcessEntry[]> {
  const pids = (await readdir(PROC)).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readOrGone(`${PROC}/${pid}/stat`)));
  return stats.flatMap((stat) => (stat === undefined ? [] : parseStat(stat)));
}

/** proc_pid_stat(5): the name in parentheses may hold anything, so fields are counted from its end. */
function parseStat(stat: string): ProcessEntry[] {
  const pid = Number.parseInt(stat, 10);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, ppid] = fields;
  const start = fields[19];
  if (state === undefined || state === "Z" || ppid === undefined || start === undefined) return [];
  return [{ pid, ppid: Number(ppid), start }];
}

async function fromPs(): Promise<ProcessEntry[]> {
  const { stdout } = await promisify(execFile)("ps", ["-axo", "pid=,ppid=,lstart="]);
  return stdout.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.+?)\s*$/.exec(line);
    return match === null ? [] : [{ pid: Number(match[1]), ppid: Number(match[2]), start: match[3] ?? "" }];
  });
}

/** A process may end, or belong to another user, between listing and reading. */
async function readOrGone(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}
