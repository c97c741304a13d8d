import fc from "fast-check";
import { expect, test } from "vitest";
import { safeFileNames } from "../../../../mesh/executor/run-files.ts";

const piece = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("..", ".", "/", "\\", "-rf", "CON", "nul.txt", " ", "\u202e", "a".repeat(300), ".csv", "é", "e\u0301", "\ud800"),
);
const name = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));

test("whatever files are called, their names in a run are safe, short and different", () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 12 }), (names) => {
      const safe = safeFileNames(names);
      expect(safe).toHaveLength(names.length);
      expect(new Set(safe.map((one) => one.toLowerCase())).size).toBe(names.length);
      for (const one of safe) {
        expect(one).toMatch(/^[\p{L}\p{N}_(][\p{L}\p{N}._ ()-]*$/u);
        expect(one).not.toMatch(/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i);
        expect(one).not.toMatch(/[. ]$/);
        expect(one.length).toBeLessThanOrEqual(120);
        expect(one.isWellFormed()).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
