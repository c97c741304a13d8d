import { expect, test } from "vitest";
import { runChaos } from "../chaos/run-chaos.ts";

test("a short chaos run holds: daemons are killed, frozen and cut off, clocks jump and disks fill up while a few hundred tasks go round", async () => {
  const lines: string[] = [];
  const verdict = await runChaos({
    seed: 20_261_031,
    seconds: 12,
    agents: 3,
    tasks: 300,
    settleSeconds: 150,
    say: (line) => void lines.push(line),
  });
  expect(verdict.problems, lines.join("\n")).toEqual([]);
  expect(verdict.line).toMatch(/^chaos: held, /);
}, 300_000);
