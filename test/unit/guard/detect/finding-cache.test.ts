import { describe, expect, it } from "vitest";
import { createFindingCache } from "../../../../guard/detect/finding-cache.ts";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { createKnownValues } from "../../../../guard/detect/known-values.ts";

const textOf = (letter: string): string => letter.repeat(100);

describe("remembered findings", () => {
  it("spare a second search, until newer texts take their place", () => {
    const searched: string[] = [];
    const cached = createFindingCache((text) => {
      searched.push(text.charAt(0));
      return [];
    }, 2);
    for (const letter of ["a", "b", "a", "c", "a", "b"]) cached(textOf(letter));
    expect(searched).toEqual(["a", "b", "c", "b"]);
  });

  it("do not hide values that became known since", () => {
    const detector = createDetector();
    const text = `${textOf("x")} the number 0171 2345678 ${textOf("y")}`;
    const known = createKnownValues();
    expect(detector.detect(text, known)).toEqual([]);
    known.add("0171 2345678", "PHONE");
    expect(detector.detect(text, known).map((finding) => text.slice(finding.start, finding.end))).toEqual(["0171 2345678"]);
  });
});

describe("known values", () => {
  it("are found as whole words, in any case, the longest first", () => {
    const known = createKnownValues();
    known.add("Ada-12345", "NATIONAL_ID");
    known.add("ada-12345/7", "NATIONAL_ID");
    known.add("+49 171", "PHONE");
    known.add("1234", "PHONE");
    const found = (text: string): string[] => known.find(text).map((span) => text.slice(span.start, span.end));
    expect(found("ADA-12345 and ada-12345/7, xada-12345, ada-123456, call +49 171.")).toEqual(["ADA-12345", "ada-12345/7", "+49 171"]);
    expect(known.size).toBe(3);
  });
});
