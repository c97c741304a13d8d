/** `gaggle keep`: runs a program for another one that can't outlive it, also where that one is killed. */
import { spawn } from "node:child_process";
import { killTree } from "../executor/kill-tree.ts";
import { startOf } from "../executor/process-table.ts";
import { untilTold } from "./until-told.ts";

/**
 * Runs the program with this process's output, and ends it with all that it started when standard input ends or a signal comes.
 * @returns its exit code; 1 where it was ended
 */
export async function keep(command: string, args: readonly string[]): Promise<number> {
  const told = untilTold({ withStdin: true });
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  const exited = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
  const end = await Promise.race([exited, told]);
  if (typeof end === "number") return end;
  const { pid } = child;
  if (pid !== undefined && child.exitCode === null && child.signalCode === null)
    await killTree({ runId: "none", pid, start: (await startOf(pid)) ?? "" });
  return 1;
}
