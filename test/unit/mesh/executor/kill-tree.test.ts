import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { killTree, membersOf } from "../../../../mesh/executor/kill-tree.ts";
import { listProcesses, startOf } from "../../../../mesh/executor/process-table.ts";

const IDLE = "setInterval(() => {}, 1000)";
/** Starts a grandchild in a process group of its own and prints its pid. */
const PARENT = `const { spawn } = require("node:child_process");
console.log(spawn(process.execPath, ["-e", ${JSON.stringify(IDLE)}], { detached: true, stdio: "ignore" }).pid); ${IDLE}`;

/** A process with a grandchild that carries no marker of a run. */
async function family(): Promise<{ pid: number; start: string; grandchild: number }> {
  const child = spawn(process.execPath, ["-e", PARENT], { stdio: ["ignore", "pipe", "ignore"] });
  const pid = child.pid ?? 0;
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const grandchild = Number(line.toString());
  const [start, ofGrandchild] = [(await startOf(pid)) ?? "", await startOf(grandchild)];
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (ofGrandchild !== undefined && (await startOf(grandchild)) === ofGrandchild) process.kill(grandchild, "SIGKILL");
  });
  return { pid, start, grandchild };
}

const living = async (pids: readonly number[]): Promise<number[]> => {
  const all = new Set((await listProcesses()).map(({ pid }) => pid));
  return pids.filter((pid) => all.has(pid));
};

describe("killing the tree of a run", () => {
  it("reaches descendants in other process groups by their parents, also without the run's marker", async () => {
    const { pid, start, grandchild } = await family();
    expect(await membersOf({ runId: "none", pid, start })).toEqual([pid, grandchild]);
    expect(await killTree({ runId: "none", pid, start })).toBe(2);
    expect(await living([pid, grandchild])).toEqual([]);
  });

  it("leaves a process alone that started at another time than the record says", async () => {
    const { pid, grandchild } = await family();
    expect(await killTree({ runId: "none", pid, start: "another time" })).toBe(0);
    expect(await killTree({ runId: "none", pid, start: "" })).toBe(0);
    expect(await living([pid, grandchild])).toEqual([pid, grandchild]);
  });
});
