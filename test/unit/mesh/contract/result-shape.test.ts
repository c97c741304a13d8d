import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../../../mesh/contract/json.ts";
import { resultShape } from "../../../../mesh/contract/result-shape.ts";

const SCHEMA: JsonObject = {
  type: "object",
  additionalProperties: false,
  required: ["status", "lines"],
  properties: {
    status: { type: "string", enum: ["done", "failed"] },
    owner: { type: "string", const: "finance" },
    lines: {
      type: "array",
      maxItems: 3,
      items: { type: "object", required: ["amount"], properties: { amount: { type: "string", minLength: 4 } } },
    },
    count: { anyOf: [{ type: "integer" }, { type: "null" }] },
  },
};
const GOOD: JsonObject = { status: "done", lines: [{ amount: "1.00" }], count: null };
const isMasked = (text: string): boolean => /[A-Z]+_\w{10}/.test(text);

describe("the form of a result", () => {
  it("fits where every keyword that is looked at holds", () => {
    expect(resultShape(SCHEMA)(GOOD)).toEqual([]);
    expect(resultShape({})({ anything: [1] })).toEqual([]);
  });

  it.each([
    ["a missing part", { lines: [] }, "status"],
    ["a part too many", { ...GOOD, more: 1 }, "(top)"],
    ["a value outside the list", { ...GOOD, status: "ok" }, "status"],
    ["a wrong type below", { ...GOOD, lines: [{ amount: 1 }] }, "lines.0.amount"],
    ["too many items", { ...GOOD, lines: Array.from({ length: 4 }, () => ({ amount: "1.00" })) }, "lines"],
    ["no alternative", { ...GOOD, count: "x" }, "count"],
  ] as const)("does not fit with %s, and says where and never what", (_what, result, where) => {
    const problems = resultShape(SCHEMA)(structuredClone(result) as unknown as Json);
    expect(problems[0]).toMatch(new RegExp(`^${where.replaceAll(/[.()]/g, "\\$&")}: `));
  });

  it("excuses what does not fit because a guard masked it, and nothing else", () => {
    const masked = { ...GOOD, owner: "ORG_ABCDEFGHJK", count: "NATIONAL_ABCDEFGHJK" };
    expect(resultShape(SCHEMA, isMasked)(masked)).toEqual([]);
    expect(resultShape(SCHEMA, isMasked)({ ...masked, status: "maybe" })).toHaveLength(1);
    expect(resultShape(SCHEMA)(masked)).toHaveLength(2);
  });

  it("runs no pattern, format or reference of somebody else's schema", () => {
    const hostile: JsonObject = {
      type: "object",
      properties: { a: { type: "string", pattern: "^(a+)+$", format: "email" }, b: { $ref: "#" }, c: { not: {} } },
      patternProperties: { "(x+)+y": { type: "number" } },
      additionalProperties: false,
    };
    expect(resultShape(hostile)({ a: `${"a".repeat(40)}!`, b: 1, c: 2, [`${"x".repeat(40)}!`]: "z" })).toEqual([]);
  });

  it("refuses a schema that is too deep or has too many parts", () => {
    const deep = Array.from({ length: 40 }).reduce<JsonObject>((inner) => ({ items: inner }), {});
    expect(() => resultShape(deep)).toThrow("too large");
    expect(() => resultShape({ anyOf: Array.from({ length: 600 }, () => ({})) })).toThrow("too large");
  });

  it("never throws for a result, whatever it is, once the schema was taken", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue({ maxDepth: 4 }), (schema, result) => {
        let check: ((value: Json) => string[]) | undefined;
        try {
          check = resultShape((typeof schema === "object" && schema !== null && !Array.isArray(schema) ? schema : {}) as JsonObject);
        } catch {
          return;
        }
        expect(Array.isArray(check(result as Json))).toBe(true);
      }),
    );
  });
});
