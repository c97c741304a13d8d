/** Throws many mutated frames at an agent: `npm run fuzz -- [--seed N] [--frames N] [--json]`. Exit code 0 only when everything held. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { fuzzFrames } from "./frame-fuzz.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
    frames: { type: "string", default: "1000000" },
    json: { type: "boolean", default: false },
  },
});
const [seed, frames] = [Number(values.seed), Number(values.frames)];
process.stderr.write(`fuzz: seed ${seed}, ${frames} frames\n`);
try {
  const result = await fuzzFrames(seed, frames, (done) => process.stderr.write(`  ${done} frames\n`));
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
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
