import { expect, test } from "vitest";
import { brokenRules, seedsFrom } from "./check-seeds.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

const MAX_SEEDS = 200;

test.for(PLANTED_BUGS)("a planted bug is found within two hundred seeds: $name", async ({ breaks, sabotage }) => {
  for (const seed of seedsFrom(1, MAX_SEEDS)) {
    const rules = await brokenRules(seed, sabotage);
    if (rules.some((rule) => breaks.includes(rule))) return;
  }
  expect.fail(`none of ${MAX_SEEDS} seeds found it`);
});
