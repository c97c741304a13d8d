import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createBlockCache } from "../../../../../guard/detect/block-cache.ts";
import { modelId } from "../../../../../guard/detect/ner/model-folder.ts";
import { loadRecogniser, type Recogniser, type RecogniserConfig } from "../../../../../guard/detect/ner/recogniser.ts";
import { shapeOf } from "../../../../../guard/detect/ner/words.ts";

/** A model whose answers are known: see its make_model.py. */
const MODEL = join(import.meta.dirname, "..", "..", "..", "..", "fixtures", "ner-model");
const config = (): RecogniserConfig => ({ threads: 1, windowTokens: 128, cache: createBlockCache(new Uint8Array(32), "", 10_000) });
let recogniser: Recogniser;
let batches = 0;

beforeAll(async () => {
  recogniser = await loadRecogniser(MODEL, { ...config(), onProgress: () => (batches += 1) });
});

const found = async (text: string): Promise<string[]> => {
  const findings = await recogniser.recognise(text, () => false);
  expect(findings.map(({ start, end }) => text.slice(start, end))).toEqual(findings.map(({ value }) => value));
  return findings.map(({ label, value }) => `${label} ${value}`);
};

describe("word shapes", () => {
  it.each([
    ["anna", 1],
    ["Anna", 2],
    ["J", 2],
    ["É", 2],
    ["ANNA", 3],
    ["McDonald", 4],
    ["iPhone", 4],
    ["A1", 5],
    ["٣", 5],
    [".", 6],
    ["😀", 6],
    ["中", 7],
    ["محمد", 7],
    ["привет", 1],
    ["Привет", 2],
    ["ПРИВЕТ", 3],
  ])("%s is of shape %i, as in the training", (word, shape) => {
    expect(shapeOf(word)).toBe(shape);
  });
});

describe("the model's findings", () => {
  it("bear the class and exactly the words of each name", async () => {
    expect(await found("Anna Schmidt met Peter in Berlin on Monday, for ACME.")).toEqual([
      "PERSON Anna Schmidt",
      "PERSON Peter",
      "LOCATION Berlin",
      "DATE Monday",
      "ORG ACME",
    ]);
  });

  it("take whole words, however many tokens they have", async () => {
    expect(await found("Krzysztof, (Krzysztof) Krzysztof's and “Krzysztof”!")).toEqual(Array.from({ length: 4 }, () => "PERSON Krzysztof"));
  });

  it("use the word's shape where only its capital tells", async () => {
    expect(await found("We may ask May.")).toEqual(["PERSON May"]);
  });

  it.each([
    ["emoji", "😀👩‍👩‍👧 Anna 😀 Schmidt 😀"],
    ["combining marks", "Jose\u0301 sah Zoe\u0308 a\u0300\u0301\u0302"],
    ["CJK", "中文Anna中文 Berlin日本語"],
    ["right-to-left", "שלום Anna مرحبا Peter"],
    ["CRLF", "Anna\r\nPeter\r\n\r\nBerlin"],
    ["lone surrogates", "\ud800Anna \udc00 Peter\ud800"],
    ["no-break and zero-width spaces", "Anna\u00a0\u200bPeter\u2028Berlin"],
  ])("have exact places among %s", async (_, text) => {
    const findings = await recogniser.recognise(text, () => false);
    const names = findings.filter(({ label }) => label === "PERSON" || label === "LOCATION");
    expect(names.length).toBeGreaterThan(0);
    for (const { start, end, value } of findings) expect(text.slice(start, end)).toBe(value);
  });

  it("are complete at any place of a megabyte, in lines, in one sentence and among long words", async () => {
    const fillers = ["lorem ipsum ", "line of text.\n", "x".repeat(999).concat(" "), "1,", `${"QUJD".repeat(5_000)} `];
    for (const filler of fillers) {
      const parts: string[] = [];
      let length = 0;
      let names = 0;
      for (let i = 0; length < 200_000; i += 1) {
        const part = i % 97 === 0 ? "Krzysztof " : filler;
        if (i % 97 === 0) names += 1;
        parts.push(part);
        length += part.length;
      }
      const all = await found(`${parts.join("")}Krzysztof`);
      expect(
        all.filter((each) => each === "PERSON Krzysztof").length + all.filter((each) => /Krzysztof.+Krzysztof/s.test(each)).length,
      ).toBe(names + 1);
    }
  }, 60_000);

  it("cost nothing for the unchanged beginning of a text", async () => {
    const lines = Array.from({ length: 300 }, (_, i) => `Line number ${i} of a long report about Berlin.`).join("\n");
    await found(lines);
    batches = 0;
    expect((await found(`${lines}\nAnna wrote this.`)).length).toBe(301);
    expect(batches).toBe(1);
    await found(lines);
    expect(batches).toBe(1);
  });

  it("is refused where it is another one than the agent started with", async () => {
    await expect(loadRecogniser(MODEL, { ...config(), modelId: "0".repeat(64) })).rejects.toMatchObject({ code: "GUARD_REFUSED" });
    await expect(loadRecogniser(MODEL, { ...config(), modelId: modelId(MODEL) })).resolves.toBeDefined();
  });

  it("refuse a folder without a model, and say so", async () => {
    await expect(loadRecogniser(join(MODEL, "nothing"), config())).rejects.toThrow(/no model.onnx/);
  });
});
