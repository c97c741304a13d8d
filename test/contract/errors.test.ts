import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ERROR_TABLE } from "../../mesh/contract/errors.ts";
import { errorsPage } from "../../scripts/errors-table.mjs";

const ROOT = join(import.meta.dirname, "../..");
const TABLE = join(ROOT, "mesh/contract/errors.ts");

const sources = (): string =>
  ["bootstrap-node", "extensions", "guard", "mesh", "profiles"]
    .flatMap((top) => readdirSync(join(ROOT, top), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path !== TABLE)
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");

describe("the table of error codes", () => {
  it("is what docs/errors.md shows", () => {
    expect(readFileSync(join(ROOT, "docs/errors.md"), "utf8")).toBe(errorsPage());
  });

  it("has no code that nothing uses", () => {
    const text = sources();
    expect(Object.keys(ERROR_TABLE).filter((code) => !text.includes(`"${code}"`) && code !== "INTERNAL")).toEqual([]);
  });
});
