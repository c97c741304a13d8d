/** Runs seeds as tests do: each twice, and a failing one says how to replay it and what happened last. */
import { type History, runHistory } from "./history.ts";
import type { Sabotage } from "./machine.ts";

/** Lines of a trace that a failing test prints. */
const TRACE_LINES = 40;

/** Rules that a seed breaks; `two histories` where its two runs differ. */
export async function brokenRules(seed: number, sabotage: Sabotage = {}): Promise<string[]> {
  const [first, second] = [await runHistory({ seed, sabotage }), await runHistory({ seed, sabotage })];
  const rules = first.breaches.map(({ rule }) => rule);
  return first.digest === second.digest ? rules : [...rules, "two histories"];
}

const traceOf = ({ breaches, lines }: History): string =>
  [...breaches.map(({ rule, detail }) => `broken: ${rule}: ${detail}`), "…", ...lines.slice(-TRACE_LINES)].join("\n");

/** What is wrong with each failing seed, with its trace; empty where all hold. */
export async function failuresOf(seeds: Iterable<number>): Promise<string[]> {
  const failures: string[] = [];
  for (const seed of seeds) {
    const rules = await brokenRules(seed);
    // Lets Vitest's own messages through: a history gives the event loop no turn.
    await new Promise((resolve) => setImmediate(resolve));
    if (rules.length === 0) continue;
    failures.push(
      `seed ${seed} (npm run sim -- --seed ${seed}): ${rules.join(", ")}\n${traceOf(await runHistory({ seed, keepLines: true }))}`,
    );
    if (failures.length >= 3) break;
  }
  return failures;
}

/** `count` seeds from `from` on. */
export const seedsFrom = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
