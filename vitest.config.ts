import { defineConfig } from "vitest/config";

/**
 * One kind of tests: a folder under test/, or `property`, whose files say so in their names and lie beside the unit tests.
 * `serial` ones start processes or use the network, so their files run one after the other.
 */
interface Kind {
  readonly name: string;
  readonly timeoutMs: number;
  readonly serial: boolean;
}

/** In the order in which they run: the quick ones first. */
const KINDS: readonly Kind[] = [
  { name: "unit", timeoutMs: 10_000, serial: false },
  { name: "contract", timeoutMs: 60_000, serial: false },
  { name: "property", timeoutMs: 60_000, serial: false },
  { name: "flow", timeoutMs: 120_000, serial: true },
  { name: "network", timeoutMs: 120_000, serial: true },
  { name: "goose", timeoutMs: 120_000, serial: true },
];

const PROPERTY = "test/**/*.property.test.ts";

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: KINDS.map(({ name, timeoutMs, serial }, order) => ({
      test: {
        name,
        include: [name === "property" ? PROPERTY : `test/${name}/**/*.test.ts`],
        exclude: name === "property" ? [] : [PROPERTY],
        environment: "node",
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        fileParallelism: !serial,
        maxWorkers: serial ? 1 : 2,
        sequence: { groupOrder: order },
      },
    })),
  },
});
