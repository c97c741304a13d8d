/**
 * Chaos by hand: `npm run chaos -- --seed N --minutes M [--agents 5] [--tasks 20000]`. A progress line each second; the last line is the verdict, and the
 * exit code is 0 only where everything held.
 */
import { randomInt } from "node:crypto";
import { createProgram, decimal, whole } from "../support/program.ts";
import { runChaos } from "./run-chaos.ts";

const {
  seed = randomInt(1, 1_000_000),
  minutes,
  agents,
  tasks,
  settle,
} = createProgram("npm run chaos --", "Runs real daemons under faults, then reads what their stores say.")
  .option("--seed <n>", "of the faults; one is drawn where none is given", whole(0))
  .option("--minutes <n>", "how long faults last", decimal(0), 5)
  .option("--agents <n>", "daemons", whole(2, 99), 5)
  .option("--tasks <n>", "tasks that are sent", whole(1), 20_000)
  .option("--settle <seconds>", "longest wait for peace afterwards", whole(1), 600)
  .parse()
  .opts<{ seed?: number; minutes: number; agents: number; tasks: number; settle: number }>();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

say(`chaos: seed ${seed}`);
const { line, problems, held } = await runChaos({
  seed,
  seconds: minutes * 60,
  agents,
  tasks,
  settleSeconds: settle,
  say,
});
for (const problem of problems) say(problem);
say(line);
process.exit(held ? 0 : 1);
