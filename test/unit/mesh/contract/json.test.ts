import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type Json, json, parseAs, parseJson } from "../../../../mesh/contract/json.ts";
import { MAX_JSON_DEPTH } from "../../../../mesh/contract/limits.ts";

const HOSTILE = '\r\n"forged"\u001b[31m\u202e evil';
const schema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z]+$/, "letters")
    .optional(),
  roles: z.record(z.string().regex(/^[a-z]+$/), z.string()).optional(),
});

const depthOf = (value: Json): number =>
  typeof value !== "object" || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map((one: Json) => depthOf(one)));

describe("JSON from outside", () => {
  const tooDeep = expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(`${MAX_JSON_DEPTH} levels deep`) });
  const nested = (depth: number, open = "[", close = "]"): string => open.repeat(depth) + close.repeat(depth);

  it("is taken up to the limit of its depth, and refused beyond it, closed or not", () => {
    expect(depthOf(parseJson(nested(MAX_JSON_DEPTH), "The message"))).toBe(MAX_JSON_DEPTH);
    expect(() => parseJson(nested(MAX_JSON_DEPTH + 1), "The message")).toThrow(tooDeep);
    expect(() => parseJson(nested(10_000, '{"a":[', "]}"), "The message")).toThrow(tooDeep);
    expect(() => parseJson(`[${" ".repeat(200)}${"[".repeat(4_000_000)}`, "The message")).toThrow(tooDeep);
  });

  it("is not deep by how many brackets it has, or what its strings hold", () => {
    const wide = Array.from({ length: 1_000 }, (_, index) => ({ [`{[${index}`]: ["[".repeat(index % 300), '\\"[{', "\\"] }));
    expect(parseJson(JSON.stringify(wide), "The message")).toEqual(wide);
  });

  it("is refused exactly where its value is nested too deeply, whatever its strings are", () => {
    const text = fc.string({ unit: fc.constantFrom("[", "{", "]", "}", '"', "\\", "a", ":"), maxLength: 20 });
    const filler = fc.oneof(text, fc.array(text, { maxLength: 3 }), fc.dictionary(text, text, { maxKeys: 3 }));
    const levels = fc.integer({ min: MAX_JSON_DEPTH - 4, max: MAX_JSON_DEPTH + 4 });
    fc.assert(
      fc.property(levels, fc.array(filler, { minLength: 1, maxLength: 5 }), fc.nat(4), (depth, fillers, every) => {
        let value: Json = fillers[0] ?? "";
        for (let level = 0; level < depth; level++) {
          const beside = fillers[level % fillers.length] ?? "";
          value = level % (every + 1) === 0 ? [beside, value, beside] : { '"{[': beside, inner: value, "]}\\": beside };
        }
        const written = JSON.stringify(value, null, every);
        if (depthOf(value) > MAX_JSON_DEPTH) expect(() => parseJson(written, "The message")).toThrow(tooDeep);
        else expect(parseJson(written, "The message")).toEqual(value);
      }),
    );
  });
});

describe("the error of a value that does not fit", () => {
  const messageOf = (value: unknown): string => {
    try {
      parseAs(schema, value, "The file");
      return "";
    } catch (error) {
      return String(error);
    }
  };

  it("is the sender's fault where the value is nested without end", () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`) as unknown;
    expect(() => parseAs(json, deep, "The request")).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  });

  it("says of ids and times how they are written", () => {
    const typed = z.object({ id: z.uuid(), at: z.iso.datetime() });
    expect(() => parseAs(typed, { id: "the first one", at: "tomorrow" }, "The request")).toThrow(
      "The request is not as expected. id: no id as the lists show them; copy it whole; at: no time as 2026-11-02T08:00:00Z",
    );
  });

  it("names the field, and a plain name that is not known", () => {
    expect(messageOf({ name: 1 })).toContain("name: ");
    expect(messageOf({ nmae: "x" })).toContain("nmae");
    expect(messageOf({ roles: { "fin-ance": "x" } })).toContain("roles.fin-ance: ");
  });

  it("quotes neither values nor names that are no plain ones", () => {
    for (const value of [
      { name: HOSTILE },
      { [HOSTILE]: 1 },
      { roles: { [HOSTILE]: "x" } },
      { roles: { a: { [HOSTILE]: 1 } } },
      { ["x".repeat(500)]: 1 },
    ]) {
      const message = messageOf(value);
      expect(message).toContain("The file is not as expected");
      expect(message).not.toMatch(/forged|evil|x{61}/);
      expect(message).not.toContain("\u001b");
    }
  });
});
