import { defineConfig } from "vitest/config";

/**
 * One kind of tests: a folder under test/, or `property`, whose files say so in their names and lie beside the unit tests.
 * Kinds of one group share the workers, two files at a time; groups run one after the other. `serial`: one file at a time.
 */
interface Kind {
  readonly name: string;
  readonly timeoutMs: number;
  readonly group: number;
  readonly serial?: true;
}

/** The quick ones first. Flow and goose tests wait for timers and processes more than they compute, so two files at once fill a small machine. */
const KINDS: readonly Kind[] = [
  { name: "unit", timeoutMs: 10_000, group: 0 },
  { name: "contract", timeoutMs: 60_000, group: 0 },
  { name: "property", timeoutMs: 60_000, group: 0 },
  { name: "sim", timeoutMs: 120_000, group: 0 },
  { name: "flow", timeoutMs: 120_000, group: 1 },
  { name: "goose", timeoutMs: 120_000, group: 1 },
  // Network namespaces and multicast are the machine's, not a process's.
  { name: "network", timeoutMs: 120_000, group: 2, serial: true },
];

const PROPERTY = "test/**/*.property.test.ts";

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: KINDS.map(({ name, timeoutMs, group, serial = false }) => ({
      test: {
        name,
        include: [name === "property" ? PROPERTY : `test/${name}/**/*.test.ts`],
        exclude: name === "property" ? [] : [PROPERTY],
        environment: "node",
        // No test touches this machine's keychain; those about keys bring their own sources.
        env: { GAGGLE_KEY_PROTECTION: "none" },
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        fileParallelism: !serial,
        maxWorkers: serial ? 1 : 2,
        sequence: { groupOrder: group },
      },
    })),
  },
});
