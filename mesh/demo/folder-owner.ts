/** One demo at a time works in a folder; what one that was killed left running is ended by the next. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import { carries, listProcesses, startOf } from "../executor/process-table.ts";
import { demoPaths } from "./demo-folder.ts";

/** Variable that every process of a demo carries: the demo's folder. */
export const DEMO_MARKER = "GAGGLE_DEMO";

const owner = z.strictObject({ pid: z.int(), start: z.string() });

const END_MS = 10_000;
const POLL_MS = 50;

/**
 * Makes sure that no other demo works in the folder, and ends the processes of one that was killed (where the system shows which they are).
 * @throws GaggleError CONFLICT where a demo runs there now
 */
export async function freeFolder(dir: string): Promise<void> {
  const { owner: file } = demoPaths(dir);
  if (existsSync(file)) {
    const { pid, start } = parseAs(owner, parseJson(await readFile(file, "utf8"), file), file);
    if (pid !== process.pid && (await startOf(pid)) === start)
      throw new GaggleError("CONFLICT", `A demo runs in that folder now (process ${pid}). Wait for its end, or name another with --dir.`);
  }
  const deadline = performance.now() + END_MS;
  for (let left = await leftovers(dir); left.length > 0; left = await leftovers(dir)) {
    if (performance.now() > deadline)
      throw new GaggleError("CONFLICT", `Processes of an earlier demo do not end: ${left.join(", ")}. End them.`);
    for (const pid of left) if (await carries(pid, DEMO_MARKER, dir)) kill(pid);
    await sleep(POLL_MS);
  }
}

/** Writes down that this process works in the folder. */
export async function ownFolder(dir: string): Promise<void> {
  const { pid } = process;
  await writeFile(demoPaths(dir).owner, `${JSON.stringify({ pid, start: (await startOf(pid)) ?? "" })}\n`, { mode: 0o600 });
}

async function leftovers(dir: string): Promise<number[]> {
  const found: number[] = [];
  for (const { pid } of await listProcesses()) if (pid !== process.pid && (await carries(pid, DEMO_MARKER, dir))) found.push(pid);
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}
