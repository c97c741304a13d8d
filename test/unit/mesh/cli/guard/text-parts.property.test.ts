/** Parts of any text, cut at any sizes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TextPart, textParts } from "../../../../../mesh/cli/guard/text-parts.ts";

async function partsOf(pieces: readonly string[], sizes: { part: number; context: number }): Promise<TextPart[]> {
  const given = async function* () {
    yield* pieces;
  };
  return Array.fromAsync(textParts(given(), sizes));
}

const pieces = fc.array(fc.string({ unit: fc.constantFrom("a", "b", " ", "\n", ",", "😀", "é", "\r\n"), maxLength: 40 }), {
  maxLength: 12,
});
const sizes = fc.record({ part: fc.integer({ min: 1, max: 30 }), context: fc.integer({ min: 0, max: 20 }) });

describe("the parts of a text", () => {
  it("are the text, whole and in order, at their places, none longer than allowed", async () => {
    await fc.assert(
      fc.asyncProperty(pieces, sizes, async (given, size) => {
        const text = given.join("");
        const parts = await partsOf(given, size);
        expect(parts.map((part) => part.text).join("")).toBe(text);
        for (const part of parts) {
          expect(text.slice(part.offset, part.offset + part.text.length)).toBe(part.text);
          expect(part.text.length).toBeGreaterThan(0);
          expect(part.text.length).toBeLessThanOrEqual(size.part);
        }
      }),
    );
  });

  it("come with what stands behind them, and with what stands before them or the first line", async () => {
    await fc.assert(
      fc.asyncProperty(pieces, sizes, async (given, size) => {
        const text = given.join("");
        const header = text.slice(0, Math.max(0, text.indexOf("\n")));
        for (const { offset, text: own, before, after } of await partsOf(given, size)) {
          expect(text.slice(offset + own.length, offset + own.length + size.context)).toBe(after);
          const near =
            before.startsWith(`${header}\n`) && !text.slice(0, offset).endsWith(before) ? before.slice(header.length + 1) : before;
          expect(text.slice(0, offset).endsWith(near)).toBe(true);
        }
      }),
    );
  });

  it("never cut a character of two units, where a part has room for it", async () => {
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 2, max: 30 }), async (given, part) => {
        for (const { text } of await partsOf(given, { part, context: 4 })) expect(text).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
      }),
    );
  });
});
