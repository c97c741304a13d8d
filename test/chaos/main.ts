/**
 * Chaos by hand: `npm run chaos -- --seed N --minutes M [--agents 5] [--tasks 20000]`. A progress line each second; the last line is the verdict, and the
 * exit code is 0 only where everything held.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { runChaos } from "./run-chaos.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(randomInt(1, 1_000_000)) },
    minutes: { type: "string", default: "5" },
    agents: { type: "string", default: "5" },
    tasks: { type: "string", default: "20000" },
    settle: { type: "string", default: "600" },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

say(`chaos: seed ${values.seed}`);
const { line, problems, held } = await runChaos({
  seed: Number(values.seed),
  seconds: Number(values.minutes) * 60,
  agents: Number(values.agents),
  tasks: Number(values.tasks),
  settleSeconds: Number(values.settle),
  say,
});
for (const problem of problems) say(problem);
say(line);
process.exit(held ? 0 : 1);
