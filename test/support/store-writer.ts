/** A process that writes to a store until it is killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";

/** Whose audit chain it writes. */
export const ORG = `org_${"a".repeat(26)}`;
/** Whose audit chain it writes. */
export const AGENT = `12D3KooW${"A".repeat(44)}`;

/** Lets it write until `count` more batches are on the disk, and kills it while it goes on. @returns the last number that was said to be on the disk */
export async function writeUntilKilled(dir: string, count: number): Promise<number> {
  const script = join(import.meta.dirname, "write-tasks-process.ts");
  const child = spawn(process.execPath, [script, dir], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(child, "exit");
  let last = 0;
  let said = 0;
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    said++;
    if (said === count) child.kill("SIGKILL");
  }
  await exit;
  return last;
}
