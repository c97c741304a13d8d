import { defineConfig } from "vitest/config";

/** One kind of tests: a folder under test/. `serial` ones start processes or use the network, so their files run one after the other. */
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

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: KINDS.map(({ name, timeoutMs, serial }, order) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
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
