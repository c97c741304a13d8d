/**
 * Ends a run's Goose with all that it started. Goose puts each extension into a process group of its own, so killing
 * Goose's group is not enough.
 */
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { systemCode } from "../contract/errors.ts";
import { carries, listProcesses, type ProcessEntry, startOf } from "./process-table.ts";
import { RUN_MARKER } from "../contract/goose-session.ts";

/** A Goose that was started; kept on disk while it runs. */
export interface RunRecord {
  readonly runId: string;
  readonly pid: number;
  /** Start of the process as the system writes it; empty where it ended before that could be read. */
  readonly start: string;
}

const MAX_ROUNDS = 50;
const ROUND_MS = 20;

/**
 * Kills the run's Goose, its descendants and (Linux) every process that carries the run's marker, until none is left.
 * Never kills a process that merely has the pid of an earlier one.
 * @returns how many processes were killed
 */
export async function killTree(record: RunRecord): Promise<number> {
  const killed = new Map<number, string>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (round > 1) await sleep(ROUND_MS);
    const processes = await listProcesses();
    const members = await membersAmong(processes, record);
    // A busy machine takes its time to end what was killed; with its parent gone, nothing else says that it belongs to the run.
    const dying = processes.some(({ pid, start }) => killed.get(pid) === start);
    if (members.length === 0 && !dying) break;
    for (const { pid, start } of members) {
      // Looking through all processes takes its time, in which this one may have ended.
      if ((await startOf(pid)) !== start) continue;
      await kill(pid);
      killed.set(pid, start);
    }
  }
  return killed.size;
}

/** The run's processes that still live, parents first. */
export const membersOf = async (record: RunRecord): Promise<number[]> =>
  (await membersAmong(await listProcesses(), record)).map(({ pid }) => pid);

async function membersAmong(all: readonly ProcessEntry[], record: RunRecord): Promise<ProcessEntry[]> {
  const processes = all.filter((entry) => entry.pid !== process.pid);
  const root = processes.find((entry) => entry.pid === record.pid && entry.start === record.start);
  const members = new Set(root === undefined ? [] : withDescendants(root, processes));
  for (const { pid } of processes) {
    if (!members.has(pid) && (await carries(pid, RUN_MARKER, record.runId))) members.add(pid);
  }
  return [...members].flatMap((pid) => processes.find((entry) => entry.pid === pid) ?? []);
}

function withDescendants(root: ProcessEntry, processes: readonly ProcessEntry[]): number[] {
  const found = [root.pid];
  // `found` grows while it is walked, so that grandchildren are reached.
  for (const parent of found) {
    for (const { pid, ppid } of processes) if (ppid === parent && !found.includes(pid)) found.push(pid);
  }
  return found;
}

async function kill(pid: number): Promise<void> {
  if (process.platform === "win32") {
    await promisify(execFile)("taskkill", ["/T", "/F", "/PID", String(pid)]);
    return;
  }
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}
