import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLineReader } from "../../../../mesh/client/line-reader.ts";

function read(chunks: readonly Buffer[], maxBytes = 1_000): { lines: string[]; tooLong: number } {
  const lines: string[] = [];
  let tooLong = 0;
  const reader = createLineReader({ maxBytes }, { line: (text) => void lines.push(text), tooLong: () => void tooLong++ });
  for (const chunk of chunks) reader.push(chunk);
  return { lines, tooLong };
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at.map((end, index) => bytes.subarray(at[index - 1] ?? 0, end));
}

describe("createLineReader", () => {
  it("gives the same lines however the bytes are cut, also inside a character", () => {
    const line = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !text.includes("\n") && text.isWellFormed());
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (lines, places) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
        expect(read(cut(bytes, places)).lines).toEqual(lines);
      }),
    );
  });

  it("keeps a line back until its end comes", () => {
    expect(read([Buffer.from("half")]).lines).toEqual([]);
  });

  it("takes a line of exactly the limit", () => {
    expect(read([Buffer.from("12345\n")], 5)).toEqual({ lines: ["12345"], tooLong: 0 });
  });

  it("tells once that a line is too long and reads no further", () => {
    expect(read([Buffer.from("ok\n123"), Buffer.from("456"), Buffer.from("7\nmore\n")], 5)).toEqual({ lines: ["ok"], tooLong: 1 });
  });
});
