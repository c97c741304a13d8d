import { describe, expect, it } from "vitest";
import type { GaggleError } from "../../../../mesh/contract/errors.ts";
import { MAX_RESULT_BYTES, questionIn, resultCheck } from "../../../../mesh/executor/final-output.ts";

const SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["status", "period", "lines"],
  properties: {
    status: { type: "string", enum: ["done", "failed"] },
    period: { type: "string", const: "2026-10" },
    lines: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["amount"],
        properties: { amount: { type: "string", pattern: "^[0-9]+\\.[0-9]{2}$" } },
      },
    },
    note: { type: "string", maxLength: 5 },
  },
};
const GOOD = { status: "done", period: "2026-10", lines: [{ amount: "1.00" }] };

/** The reason why the check refuses the output. */
function refusal(output: unknown, schema: Parameters<typeof resultCheck>[0] = SCHEMA): unknown {
  try {
    resultCheck(schema)(output);
  } catch (error) {
    return (error as GaggleError).details["reason"] ?? (error as GaggleError).code;
  }
  return "accepted";
}

describe("the question of a run", () => {
  it("is what a run hands over with status input_required, bounded in length", () => {
    expect(questionIn({ status: "input_required", question: " Which cost centre? ", total: "0.00" })).toBe("Which cost centre?");
    expect(questionIn({ status: "input_required", question: "x".repeat(9_000) })).toHaveLength(4_000);
  });

  it.each([
    ["another status", { status: "done", question: "Which?" }],
    ["no question", { status: "input_required" }],
    ["an empty question", { status: "input_required", question: " " }],
    ["no object", "input_required"],
    ["nothing", undefined],
  ])("is not there with %s", (_what, output) => {
    expect(questionIn(output)).toBeUndefined();
  });
});

describe("checking the result of a run", () => {
  it("gives back a result that fits the recipe's schema as it is", () => {
    expect(resultCheck(SCHEMA)(GOOD)).toEqual(GOOD);
  });

  it.each([
    ["another value than the constant", { ...GOOD, period: "2026-11" }],
    ["a value outside the list", { ...GOOD, status: "ok" }],
    ["a missing part", { status: "done", period: "2026-10" }],
    ["a part too many", { ...GOOD, extra: 1 }],
    ["a part too many further down", { ...GOOD, lines: [{ amount: "1.00", iban: "x" }] }],
    ["an amount of another form", { ...GOOD, lines: [{ amount: "1" }] }],
    ["a text that is too long", { ...GOOD, note: "123456" }],
    ["another type", "done"],
    ["what is not JSON", { ...GOOD, note: () => 1 }],
  ])("refuses %s", (_what, output) => {
    expect(refusal(output)).toBe("wrong-shape");
  });

  it("tells a missing result, a reported failure and a result that no message can carry apart", () => {
    expect(refusal(undefined)).toBe("no-result");
    expect(refusal({ ...GOOD, status: "failed" })).toBe("reported-failure");
    expect(refusal("x".repeat(MAX_RESULT_BYTES), {})).toBe("output-too-large");
  });

  it("refuses a schema that it can't check, before anything runs", () => {
    expect(() => resultCheck({ type: "object", if: {}, unevaluatedProperties: false })).toThrow("keyword");
  });
});
