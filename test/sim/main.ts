/**
 * Runs seeds of the simulation by hand: `npm run sim -- --seed N` replays one and shows what happened; `--from N --count M` looks for failing ones.
 * The last line is the verdict; the exit code is 0 only where every history held and ran twice alike.
 */
import { Option } from "commander";
import { createProgram, whole } from "../support/program.ts";
import { runHistory } from "./history.ts";

/** Seeds are 32 bits: larger ones would repeat smaller ones. */
const seed = whole(0, 2 ** 32 - 1);
const values = createProgram("npm run sim --", "Simulates the mesh from seeds; each history runs twice and must be the same.")
  .addOption(new Option("--seed <n>", "replay one seed and show what happens").argParser(seed).conflicts(["from", "count"]))
  .option("--from <n>", "first seed", seed, 1)
  .option("--count <n>", "how many seeds", whole(1), 1_000)
  .parse()
  .opts<{ seed?: number; from: number; count: number }>();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function replay(seed: number): Promise<boolean> {
  const [first, second] = [await runHistory({ seed, keepLines: true }), await runHistory({ seed })];
  for (const line of first.lines) say(line);
  for (const { rule, detail } of first.breaches) say(`seed ${seed} breaks "${rule}": ${detail}`);
  if (first.digest !== second.digest) say(`seed ${seed} is not one history: ${first.digest} and ${second.digest}`);
  return first.breaches.length === 0 && first.digest === second.digest;
}

async function search(from: number, count: number): Promise<number[]> {
  const failing: number[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const [first, second] = [await runHistory({ seed }), await runHistory({ seed })];
    if (first.breaches.length === 0 && first.digest === second.digest) continue;
    failing.push(seed);
    say(
      `seed ${seed}: ${first.digest === second.digest ? "" : "two histories; "}${first.breaches.map(({ rule, detail }) => `${rule} (${detail})`).join("; ")}`,
    );
  }
  return failing;
}

if (values.seed !== undefined) {
  const held = await replay(values.seed);
  say(`sim: seed ${values.seed} ${held ? "held" : "BROKEN"}`);
  process.exitCode = held ? 0 : 1;
} else {
  const started = performance.now();
  const failing = await search(values.from, values.count);
  const seconds = Math.round((performance.now() - started) / 1_000);
  say(
    failing.length === 0
      ? `sim: ${values.count} seeds held (${seconds} s)`
      : `sim: BROKEN, ${failing.length} of ${values.count} seeds: ${failing.join(" ")}`,
  );
  process.exitCode = failing.length === 0 ? 0 : 1;
}
