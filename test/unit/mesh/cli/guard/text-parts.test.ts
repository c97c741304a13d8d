/** Long texts in parts, with the guard's real rules. */
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../../guard/detect/detector.ts";
import { detectPart } from "../../../../../mesh/cli/guard/detect-command.ts";
import { textParts } from "../../../../../mesh/cli/guard/text-parts.ts";

const detector = createDetector();
const detection = { detect: async (texts: readonly string[]) => texts.map((text) => detector.detect(text)) };

/** What is found in a text that is cut into parts of this size, as written. */
async function foundInParts(text: string, part: number): Promise<string[]> {
  const given = async function* () {
    yield text;
  };
  const found: string[] = [];
  for await (const each of textParts(given(), { part, context: 64 }))
    for (const { start, end } of await detectPart(detection, each)) found.push(each.text.slice(start, end));
  return found;
}

describe("a table in parts", () => {
  it("keeps the meaning of its columns in every part", async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `${1000 + i},19${60 + (i % 30)}-03-1${i % 10}`);
    const table = `employee,birth_date\n${rows.join("\n")}\n`;
    const found = await foundInParts(table, 100);
    expect(found).toHaveLength(40);
    expect(found).toEqual(detector.detect(table).map(({ start, end }) => table.slice(start, end)));
  });
});

describe("a value at the end of a part", () => {
  it("is found in both parts, so that no piece of it passes", async () => {
    const text = `${"x".repeat(30)}|IBAN:DE89370400440532013000|${"y".repeat(30)}`;
    for (let part = 20; part < 60; part += 1) expect((await foundInParts(text, part)).join("")).toBe("DE89370400440532013000");
  });
});
