import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createBlockCache } from "../../../../guard/detect/block-cache.ts";
import { createOrgLists } from "../../../../guard/detect/lists/org-lists.ts";
import { loadRecogniser } from "../../../../guard/detect/ner/recogniser.ts";
import { type ScanDeps, scanText } from "../../../../guard/detect/worker/scanner.ts";
import { guardLists } from "../../../../mesh/contract/guard-policy.ts";

const MODEL = join(import.meta.dirname, "..", "..", "..", "fixtures", "ner-model");
let deps: ScanDeps;
beforeAll(async () => {
  const cache = createBlockCache(new Uint8Array(32), "", 1_000);
  const { recognise } = await loadRecogniser(MODEL, { threads: 1, windowTokens: 64, cache });
  const lists = guardLists.parse({ v: 1, allow: ["Acme"], deny: [{ class: "CUSTOM", values: ["Blue Bird"] }] });
  deps = { recognise: (text) => recognise(text, () => false), lists: createOrgLists(lists) };
});

const part = fc.oneof(
  fc.constantFrom("Anna Schmidt", "Krzysztof", "Berlin", "ACME", "blue bird", "anna@example.com", "DE89 3704 0044 0532 0130 00", "王小明"),
  fc.constantFrom(
    " ",
    "\n",
    "\r\n",
    ", ",
    "'s ",
    '"',
    "\\",
    "\\n",
    "\\u00e9",
    "&nbsp;",
    "%40",
    "\u200b",
    "\u0301",
    "\u202e",
    "😀",
    "\ud83d",
    "\udc00",
  ),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const text = fc.array(part, { maxLength: 40 }).map((parts) => parts.join(""));

describe("the findings of any text", () => {
  it("are in order, inside the text, apart from each other, and none is empty", async () => {
    await fc.assert(
      fc.asyncProperty(text, async (written) => {
        const { findings } = await scanText({ text: written }, deps);
        let end = 0;
        for (const finding of findings) {
          expect(finding.start).toBeGreaterThanOrEqual(end);
          expect(finding.end).toBeGreaterThan(finding.start);
          end = finding.end;
        }
        expect(end).toBeLessThanOrEqual(written.length);
      }),
      { numRuns: 300 },
    );
  });

  it("bear as value exactly what stands there, where the text has nothing to decode", async () => {
    const plain = fc.array(fc.constantFrom("Anna", " ", "Schmidt", "\n", "😀", "é", "e\u0301", " 中 ", "שלום", ", ", "Berlin", "x"), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(plain, async (parts) => {
        const written = parts.join("");
        const { findings } = await scanText({ text: written }, deps);
        for (const { start, end, value } of findings) expect(written.slice(start, end)).toBe(value);
      }),
      { numRuns: 300 },
    );
  });

  it("hold a name wherever it stands alone between other words", async () => {
    const filler = fc.array(fc.constantFrom("lorem ", "ipsum. ", "12 ", "\n", "😀 ", "中文 ", "x,y ", '{"k": 1} ', "\n\n"), {
      maxLength: 80,
    });
    await fc.assert(
      fc.asyncProperty(filler, filler, async (before, after) => {
        const start = before.join("").length;
        const { findings } = await scanText({ text: `${before.join("")}Krzysztof ${after.join("")}` }, deps);
        expect(findings.some((finding) => finding.start <= start && finding.end >= start + 9)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
