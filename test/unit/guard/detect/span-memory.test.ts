import { describe, expect, it } from "vitest";
import { memoryKeys, openMemory, type SpanMemory, sealMemory } from "../../../../guard/detect/span-memory.ts";

const keys = memoryKeys(new Uint8Array(32).fill(1));
const memory: SpanMemory = { v: 1, texts: [["key", [[0, 4, "PERSON", 0.5, "ner"]], ""]], blocks: [["block", [[1, 2, "ORG", 0.4]]]] };

describe("a sealed memory", () => {
  const sealed = sealMemory(memory, keys.file);

  it("opens with its key to what went in", () => {
    expect(openMemory(sealed, keys.file)).toEqual(memory);
  });

  it("shows nothing without it, and never looks the same twice", () => {
    expect(Buffer.from(sealed, "base64").includes("PERSON")).toBe(false);
    expect(sealMemory(memory, keys.file)).not.toBe(sealed);
    expect(openMemory(sealed, memoryKeys(new Uint8Array(32).fill(2)).file)).toBeUndefined();
    expect(openMemory(sealed, keys.hash)).toBeUndefined();
  });

  it("is not believed where a single byte of it differs, or some are missing", () => {
    const bytes = Buffer.from(sealed, "base64");
    for (let place = 0; place < bytes.length; place += 1) {
      const other = Buffer.from(bytes);
      other[place] = (other[place] ?? 0) ^ 1;
      expect(openMemory(other.toString("base64"), keys.file)).toBeUndefined();
      expect(openMemory(bytes.subarray(0, place).toString("base64"), keys.file)).toBeUndefined();
    }
  });

  it("is not believed where its content has another shape", () => {
    expect(openMemory(sealMemory({ ...memory, v: 2 } as unknown as SpanMemory, keys.file), keys.file)).toBeUndefined();
  });
});
