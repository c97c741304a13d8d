import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

/**
 * One kind of tests: a folder under test/, or `property`, whose files say so in their names and lie beside the unit tests.
 * Kinds of one group share the workers; groups run one after the other. `workers`: how many files run at once, the same in a group.
 */
interface Kind {
  readonly name: string;
  readonly timeoutMs: number;
  readonly group: number;
  readonly workers: number;
}

/**
 * The quick ones first. Most flow and goose tests wait for timers and processes half of their time, so it takes three of their files to keep the two
 * cores of a small machine busy.
 */
const KINDS: readonly Kind[] = [
  // Only a test that hangs takes so long: those that make keys or start programs take a starved machine more than ten seconds.
  { name: "unit", timeoutMs: 30_000, group: 0, workers: 2 },
  { name: "contract", timeoutMs: 60_000, group: 0, workers: 2 },
  { name: "property", timeoutMs: 60_000, group: 0, workers: 2 },
  { name: "sim", timeoutMs: 120_000, group: 0, workers: 2 },
  { name: "flow", timeoutMs: 120_000, group: 1, workers: 3 },
  { name: "goose", timeoutMs: 120_000, group: 1, workers: 3 },
  // Network namespaces and multicast are the machine's, not a process's.
  { name: "network", timeoutMs: 120_000, group: 2, workers: 1 },
];

const PROPERTY = "test/**/*.property.test.ts";

export default defineConfig({
  test: {
    passWithNoTests: true,
    sequence: { sequencer: LongestFirst },
    projects: KINDS.map(({ name, timeoutMs, group, workers }) => ({
      test: {
        name,
        include: [name === "property" ? PROPERTY : `test/${name}/**/*.test.ts`],
        exclude: name === "property" ? [] : [PROPERTY],
        environment: "node",
        // No test touches this machine's keychain; those about keys bring their own sources.
        env: { GAGGLE_KEY_PROTECTION: "none" },
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        // The first look that finds it ends the wait; one second is too short for a disk that others use too.
        expect: { poll: { timeout: 8_000 } },
        fileParallelism: workers > 1,
        maxWorkers: workers,
        sequence: { groupOrder: group },
      },
    })),
  },
});
