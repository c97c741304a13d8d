/** Throws many mutated frames at an agent: `npm run fuzz -- [--seed N] [--frames N] [--json]`. Exit code 0 only when everything held. */
import { randomInt } from "node:crypto";
import { createProgram, whole } from "../support/program.ts";
import { fuzzFrames } from "./frame-fuzz.ts";

const {
  seed = randomInt(2 ** 31),
  frames,
  json,
} = createProgram("npm run fuzz --", "Throws altered, hostile and cut frames at one agent.")
  .option("--seed <n>", "of the frames; one is drawn where none is given", whole(0))
  .option("--frames <n>", "how many", whole(1), 1_000_000)
  .option("--json", "one JSON document")
  .parse()
  .opts<{ seed?: number; frames: number; json?: true }>();
process.stderr.write(`fuzz: seed ${seed}, ${frames} frames\n`);
try {
  const result = await fuzzFrames(seed, frames, (done) => process.stderr.write(`  ${done} frames\n`));
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    for (const [end, count] of Object.entries(result.ends).toSorted(([, a], [, b]) => b - a))
      process.stdout.write(`  ${end.padEnd(20)} ${count}\n`);
    process.stdout.write(`fuzz: held, ${frames} frames of seed ${seed}\n`);
  }
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? `${error.message}\n${String(error.cause instanceof Error ? error.cause.stack : "")}` : String(error)}\n`,
  );
  process.stdout.write(`fuzz: BROKEN, seed ${seed}\n`);
  process.exitCode = 1;
}
