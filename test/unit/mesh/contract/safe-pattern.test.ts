import { describe, expect, it } from "vitest";
import { compilePattern } from "../../../../mesh/contract/safe-pattern.ts";

const found = (pattern: string, text: string): string[] => text.match(compilePattern(pattern)) ?? [];

describe("a pattern of the organisation", () => {
  it.each([
    ["NO-\\d{5}", "see NO-12345, no-54321 and XNO-12345 or NO-123456", ["NO-12345", "no-54321"]],
    ["EMP[-_ ]?\\d{4,6}", "EMP1234 emp-123456", ["EMP1234", "emp-123456"]],
    ["(?:HR|FIN)/[A-Z]{2,3}\\.\\d{2}", "HR/AB.12 fin/abc.34", ["HR/AB.12", "fin/abc.34"]],
    ["\\p{Lu}{2}(\\d{3}|X\\d{2})?-ä", "ÄB123-ä", ["ÄB123-ä"]],
  ])("%s is matched as whole words in any case", (pattern, text, expected) => expect(found(pattern, text)).toEqual(expected));

  it.each([
    "a*b",
    "\\d+",
    ".{3}",
    "(a+)+",
    "(?=abc)abc",
    "(?<x>abc)\\k<x>",
    "(abc)\\1",
    "^abc$",
    "a{3,}",
    "a{3,2}",
    "[a-z",
    "(abc",
    "abc)",
    "\\bno\\b",
    "\\u{61}bc",
    "{3}abc",
    "[z-a]bc",
    "[\\d-z]bc",
  ])("%s is refused: it is outside the syntax", (pattern) =>
    expect(() => compilePattern(pattern)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" })),
  );

  it.each(["(a?){30}a{30}", "(?:a|a){20}b", "a{0,50}a{0,50}b", `${"a?".repeat(25)}${"a".repeat(25)}`, "(\\w{1,9}){1,9}!", "\\w{1,100}x"])(
    "%s is refused: it could be slow",
    (pattern) => expect(() => compilePattern(pattern)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" })),
  );

  it.each(["(abc)?", "\\d{2}", "a?b?c?"])("%s is refused: it would match next to nothing", (pattern) =>
    expect(() => compilePattern(pattern)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" })),
  );

  it("never says the pattern in the error", () => {
    expect(() => compilePattern("secret-project*")).not.toThrow(/secret-project/);
    expect(() => compilePattern("secret-project*")).toThrow(/not allowed/);
  });
});
