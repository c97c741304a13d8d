import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blocksOf } from "../../../../../guard/detect/ner/blocks.ts";
import { windowsOf } from "../../../../../guard/detect/ner/windows.ts";
import { wordsOf } from "../../../../../guard/detect/ner/words.ts";

const sizes = fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 1, maxLength: 400 });
const sum = (some: readonly number[]): number => some.reduce((total, each) => total + each, 0);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("windows of a block", () => {
  it("answer for each word once and in order, and none holds more tokens than the model takes", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 62, max: 510 }), (some, capacity) => {
        const windows = windowsOf({ from: 0, to: some.length, tokens: sum(some) }, some, capacity);
        expect(windows.flatMap(({ keepFrom, keepTo }) => upTo(keepTo - keepFrom).map((i) => keepFrom + i))).toEqual(upTo(some.length));
        for (const { from, to, keepFrom, keepTo, tokens } of windows) {
          expect(tokens).toBe(sum(some.slice(from, to)));
          expect(tokens).toBeLessThanOrEqual(capacity);
          expect(from <= keepFrom && keepTo <= to).toBe(true);
        }
      }),
    );
  });

  it("take a word's label where the word has company on both sides", () => {
    const some = Array.from({ length: 1_000 }, () => 1);
    for (const { from, to, keepFrom, keepTo } of windowsOf({ from: 0, to: 1_000, tokens: 1_000 }, some, 126)) {
      expect(keepFrom === 0 || keepFrom - from >= 15).toBe(true);
      expect(keepTo === 1_000 || to - keepTo >= 15).toBe(true);
    }
  });
});

describe("blocks of a text", () => {
  const part = fc.constantFrom("word ", "Anna", ".", "\n", "\n\n", " ", "x".repeat(40), "Dr. ", "done. ", "1,", "中", "😀", "\r\n");
  const text = fc.array(part, { maxLength: 400 }).map((parts) => parts.join(""));

  it("hold each word once and in order, and only a sentence that fits into no window is longer than one", () => {
    fc.assert(
      fc.property(text, (written) => {
        const words = wordsOf(written);
        const each = upTo(words.count).map(() => 2);
        const blocks = blocksOf(written, words, each, 62);
        expect(blocks.flatMap(({ from, to }) => upTo(to - from).map((i) => from + i))).toEqual(upTo(words.count));
        for (const { from, to, tokens } of blocks) {
          expect(tokens).toBe(2 * (to - from));
          const inner = written.slice(words.starts[from], words.ends[to - 1]);
          expect(tokens <= 62 || !/\n/.test(inner)).toBe(true);
        }
      }),
    );
  });

  it("stay the same before a change at the end, and soon after one in the middle", () => {
    const lines = upTo(400).map((i) => `Line ${i} tells something of its own about item ${(i * 7919) % 1_000}.`);
    const cut = (some: readonly string[]): Set<string> => {
      const written = some.join("\n");
      const words = wordsOf(written);
      const blocks = blocksOf(
        written,
        words,
        upTo(words.count).map(() => 1),
        126,
      );
      return new Set(blocks.map(({ from, to }) => written.slice(words.starts[from], words.ends[to - 1])));
    };
    const before = cut(lines);
    const more = [...cut([...lines, "One more line."])].filter((block) => !before.has(block));
    const changed = [...cut(lines.with(200, "Something else here, and longer than it was before."))].filter((block) => !before.has(block));
    expect(before.size).toBeGreaterThan(20);
    expect(more.length).toBeLessThanOrEqual(2);
    expect(changed.length).toBeLessThanOrEqual(6);
  });
});
