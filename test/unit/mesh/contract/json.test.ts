import { describe, expect, it } from "vitest";
import { z } from "zod";
import { json, parseAs } from "../../../../mesh/contract/json.ts";

const HOSTILE = '\r\n"forged"\u001b[31m\u202e evil';
const schema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z]+$/, "letters")
    .optional(),
  roles: z.record(z.string().regex(/^[a-z]+$/), z.string()).optional(),
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
