import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lookInside } from "../../../../guard/boundary/look-inside.ts";
import { maskTree, passesTo, restoreTree } from "../../../../guard/boundary/mask-tree.ts";
import { createDetector } from "../../../../guard/detect/detector.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { createTokenSession, type TokenSession } from "../../../../guard/pseudonym/token-session.ts";
import type { Json } from "../../../../mesh/contract/json.ts";

const rules = createDetector();
const NAMES = ["Anna Schmidt", "Schmidt", "Jörg Müller"];

/** The rules, and names as a model would find them. */
const detection = {
  detect: async (texts: readonly string[]): Promise<Finding[][]> =>
    texts.map((text) => [
      ...rules.detect(text),
      ...NAMES.flatMap((name) =>
        Array.from(
          text.matchAll(new RegExp(name, "g")),
          ({ index }): Finding => ({
            start: index,
            end: index + name.length,
            label: "PERSON",
            score: 0.9,
            detector: "test",
            value: name,
          }),
        ),
      ),
    ]),
};

const sessionOf = (): TokenSession =>
  createTokenSession({ mapRef: "", epochKey: new Uint8Array(32).fill(7), sessionKey: new Uint8Array(32).fill(8), maxValues: 10_000 });
const mask = (tree: Json, passes: Parameters<typeof maskTree>[2] = new Set()) =>
  maskTree(tree, { detection, session: sessionOf() }, passes);

const value = fc.oneof(
  fc.constantFrom<Json[]>(
    ...NAMES,
    "ada@example.org",
    "DE89 3704 0044 0532 0130 00",
    4_111_111_111_111_111,
    "4111111111111111",
    12.5,
    'Q1\n"Anna Schmidt"\\',
  ),
  fc.constantFrom<Json[]>("PERSON_1A2B3C4D5E", "EMAIL_", "number 4111111111111111", "LITERAL_1A2B3C4D5E"),
  fc.string({ unit: "binary", maxLength: 10 }),
);
const tree = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    value,
    fc.constant(null),
    fc.boolean(),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("name", "card", "Anna Schmidt", "ada@example.org", "x\u2028y"), tie("tree"), { maxKeys: 4 }),
  ),
})).tree;

describe("masking a tree for another department", () => {
  it("is undone by the pairs, exactly, whatever the tree", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (given) => {
        const masked = await mask(given);
        expect(restoreTree(masked.tree, masked.pairs)).toEqual(given);
        expect(restoreTree(JSON.parse(JSON.stringify(masked.tree)) as Json, masked.pairs)).toEqual(given);
      }),
      { numRuns: 2_000 },
    );
  });

  it("names each value by a class that covers it, by the receiver's own guard, whatever passes beside it", {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.subarray(["PERSON", "EMAIL", "DATE", "IBAN"] as const), async (given, passing) => {
        const masked = await mask(given, new Set(passing));
        const { uncovered, bare } = await lookInside(masked.tree, masked.pairs, detection);
        expect(uncovered).toEqual(new Map());
        expect(bare.filter((name) => !passing.some((one) => one === name))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("leaves no found value in texts, keys or numbers", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (given) => {
        const text = JSON.stringify((await mask(given)).tree);
        for (const secret of [...NAMES, "ada@example.org", "DE89 3704 0044 0532 0130 00"]) expect(text).not.toContain(secret);
      }),
      { numRuns: 1_000 },
    );
  });

  it("touches nothing where nothing is found", async () => {
    const given = { period: "2026-10", lines: [{ po: "PO-1001", amount: 1250.5, note: "PERSON_1A2B3C4D5E" }], ok: true };
    expect(await mask(given)).toEqual({ tree: given, pairs: [], redactions: new Map() });
  });

  it("lets the classes pass that the profile names for the department, and dates", async () => {
    const passes = passesTo("legal", {
      boundary: [
        { departments: ["legal"], pass: ["EMAIL"] },
        { departments: ["*"], pass: ["ORG"] },
      ],
    });
    expect([...passes].toSorted()).toEqual(["DATE", "EMAIL", "ORG"]);
    expect([...passesTo("sales", { boundary: [] })]).toEqual(["DATE"]);
    const { tree: masked, redactions } = await mask({ to: "ada@example.org", who: "Anna Schmidt" }, passes);
    expect(masked).toMatchObject({ to: "ada@example.org", who: expect.stringMatching(/^PERSON_\w{10}$/) });
    expect([...redactions]).toEqual([["PERSON", 1]]);
  });

  it("masks a value that was found in one place in every other, also before it", async () => {
    const text = JSON.stringify((await mask(["no word 12345678Z here", { "national id": "12345678Z" }])).tree);
    expect(text).not.toContain("12345678Z");
  });

  it("leaves the structure alone where something is found across it", async () => {
    const across = {
      detect: async (texts: readonly string[]): Promise<Finding[][]> =>
        texts.map((text, i) =>
          i > 0 ? [] : [{ start: 2, end: text.length - 2, label: "ADDRESS", score: 0.9, detector: "test", value: text }],
        ),
    };
    const given = { po: "PO-1001", amount: 12 };
    expect((await maskTree(given, { detection: across, session: sessionOf() }, new Set())).tree).toEqual(given);
  });

  it("reads the names of fields with their values, and gives a number back as a number", async () => {
    const given = { card: 4_111_111_111_111_111, birth_date: "1980-05-17" };
    const masked = await mask(given);
    expect(masked.tree).toEqual({ card: expect.stringMatching(/^CARD_/), birth_date: expect.stringMatching(/^BIRTH_DATE_/) });
    expect(restoreTree(masked.tree, masked.pairs)).toEqual(given);
  });
});
