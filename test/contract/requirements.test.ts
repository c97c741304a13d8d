import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withPart } from "../../scripts/generated-part.mjs";
import { requirementsTable } from "../../scripts/requirements-table.mjs";
import { REQUIREMENTS, type Requirement } from "../requirements.ts";

const ROOT = join(import.meta.dirname, "../..");

/** How many requirements each group of the specification has. */
const GROUPS = { O: 5, M: 12, G: 8, P: 8, L: 10 };

const expectedIds = Object.entries(GROUPS).flatMap(([group, count]) => Array.from({ length: count }, (_, index) => `${group}${index + 1}`));

const claims = ({ state }: Requirement): boolean => state === "done" || state === "partial";

/** What is wrong with a row, in words; nothing where all is well. */
const faultsOf = (row: Requirement): string[] => [
  ...(claims(row) && row.tests.length === 0 ? [`is ${row.state} and names no test`] : []),
  ...(row.state === "partial" && row.note === undefined ? ["is partial and does not say what is missing"] : []),
  ...row.tests.flatMap(({ file, title }) => {
    const path = join(ROOT, file);
    if (!/^test\/.+\.test\.ts$/.test(file) || !existsSync(path)) return [`names ${file}, which is not a test file`];
    if (title === undefined || readFileSync(path, "utf8").includes(title)) return [];
    return [`names the test "${title}", which is not in ${file}`];
  }),
];

describe("the requirement manifest", () => {
  it("lists every requirement of the specification and no other", () => {
    expect(Object.keys(REQUIREMENTS)).toEqual(expectedIds);
  });

  it("claims nothing that no test shows", () => {
    expect(Object.entries(REQUIREMENTS).flatMap(([id, row]) => faultsOf(row).map((fault) => `${id} ${fault}`))).toEqual([]);
  });

  it("notices a row that claims more than its tests", () => {
    const here = "test/contract/requirements.test.ts";
    expect(faultsOf({ title: "t", state: "done", tests: [] })).toHaveLength(1);
    expect(faultsOf({ title: "t", state: "done", tests: [{ file: "test/contract/absent.test.ts" }] })).toHaveLength(1);
    expect(faultsOf({ title: "t", state: "done", tests: [{ file: here, title: ["no such", "title"].join(" ") }] })).toHaveLength(1);
    expect(faultsOf({ title: "t", state: "partial", tests: [{ file: here }] })).toHaveLength(1);
    expect(
      faultsOf({ title: "t", state: "done", tests: [{ file: here, title: "notices a row that claims more than its tests" }] }),
    ).toEqual([]);
  });

  it("is what the README's feature table shows", () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    expect(withPart(readme, "requirements", requirementsTable())).toBe(readme);
  });
});
