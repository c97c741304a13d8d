/** The order in which files of tests are run: the longest first, so that no long one is left to run alone at the end. */
import { statSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Seconds that the longest files take on two quiet cores. A file that is not here counts as short; its size decides. */
const SECONDS: Readonly<Record<string, number>> = {
  "test/flow/close-kills.test.ts": 100,
  "test/flow/close-ends.test.ts": 85,
  "test/goose/packed.test.ts": 60,
  "test/goose/enforcement.test.ts": 35,
  "test/goose/person.test.ts": 48,
  "test/flow/close.test.ts": 45,
  "test/flow/daemon-bundles.test.ts": 40,
  "test/unit/guard/hostile-inputs.property.test.ts": 38,
  "test/flow/mailbox.test.ts": 33,
  "test/flow/gaggle-commands.test.ts": 32,
  "test/flow/daemon-trust.test.ts": 31,
  "test/unit/guard/detect/hostile-input.test.ts": 29,
  "test/flow/chaos.test.ts": 25,
  "test/flow/daemon-store.test.ts": 22,
  "test/flow/backup.test.ts": 18,
  "test/flow/daemon-life.test.ts": 16,
  "test/flow/sessions.test.ts": 15,
  "test/goose/month-end-close-recipes.test.ts": 14,
  "test/flow/model-budgets.test.ts": 13,
  "test/goose/setup.test.ts": 12,
  "test/goose/executor.test.ts": 11,
  "test/flow/approvals.test.ts": 10,
  "test/flow/peers.test.ts": 10,
};

/** What a file counts: its seconds, and for those of equal rank its size. */
const weightOf = ({ moduleId }: TestSpecification): readonly [seconds: number, bytes: number] => {
  const name = Object.keys(SECONDS).find((path) => moduleId.endsWith(path));
  return [name === undefined ? 0 : (SECONDS[name] ?? 0), statSync(moduleId, { throwIfNoEntry: false })?.size ?? 0];
};

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

/** Vitest's order of groups, and in each group the longest files first, of whichever kind. Unlike Vitest's own it needs no earlier run. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const weights = new Map(files.map((file) => [file, weightOf(file)]));
    return files.toSorted((a, b) => {
      const [[secondsA, bytesA], [secondsB, bytesB]] = [weights.get(a) ?? [0, 0], weights.get(b) ?? [0, 0]];
      return groupOf(a) - groupOf(b) || secondsB - secondsA || bytesB - bytesA;
    });
  }
}
