import { describe, expect, it } from "vitest";
import { classesHeld, lookInside } from "../../../../guard/boundary/look-inside.ts";
import type { Pair } from "../../../../guard/boundary/mask-tree.ts";
import { createDetector } from "../../../../guard/detect/detector.ts";
import type { Json } from "../../../../mesh/contract/json.ts";

const rules = createDetector();
const detection = { detect: async (texts: readonly string[]) => texts.map((text) => rules.detect(text)) };
const IBAN = "DE89370400440532013000";
const look = (masked: Json, pairs: readonly Pair[]) => lookInside(masked, pairs, detection);
const labels = async (masked: Json, pairs: readonly Pair[]) =>
  Object.fromEntries(
    [...(await look(masked, pairs)).uncovered].map(([token, held]) => [token, [...new Set(held.map(({ label }) => label))]]),
  );

describe("looking into sealed values", () => {
  it("finds a class that the token's name does not cover, in texts, keys and numbers", async () => {
    const org: Pair = ["ORG_1A2B3C4D5E", IBAN, false];
    expect(await labels({ pay: "to ORG_1A2B3C4D5E" }, [org])).toEqual({ ORG_1A2B3C4D5E: ["IBAN"] });
    expect(await labels({ ORG_1A2B3C4D5E: 1 }, [org])).toEqual({ ORG_1A2B3C4D5E: ["IBAN"] });
    expect(await labels({ card: "ORG_1A2B3C4D5E" }, [["ORG_1A2B3C4D5E", "4111111111111111", true]])).toEqual({ ORG_1A2B3C4D5E: ["CARD"] });
  });

  it("finds it behind a token that stands for mere text, in a longer value, and beside what the name does cover", async () => {
    expect(await labels(["LITERAL_1A2B3C4D5E"], [["LITERAL_1A2B3C4D5E", IBAN, false]])).toEqual({ LITERAL_1A2B3C4D5E: ["IBAN"] });
    const mixed: Pair = ["EMAIL_1A2B3C4D5E", `ada@example.org, ${IBAN}`, false];
    expect(await labels("write to EMAIL_1A2B3C4D5E", [mixed])).toEqual({ EMAIL_1A2B3C4D5E: ["IBAN"] });
  });

  it("finds a value that was cut into several tokens, or into a token and bare text", async () => {
    const [first, second]: Pair[] = [
      ["ORG_1A2B3C4D5E", "DE89 3704 0044", false],
      ["ORG_2A2B3C4D5E", "0532 0130 00", false],
    ];
    if (first === undefined || second === undefined) throw new Error("no pairs");
    expect(await labels("ORG_1A2B3C4D5E ORG_2A2B3C4D5E", [first, second])).toEqual({ ORG_1A2B3C4D5E: ["IBAN"], ORG_2A2B3C4D5E: ["IBAN"] });
    const half = await look("DE89 3704 0044 ORG_2A2B3C4D5E", [second]);
    expect([...half.uncovered.keys()]).toEqual(["ORG_2A2B3C4D5E"]);
    expect(half.bare).toEqual(["IBAN"]);
  });

  it("finds it where only a field's name tells what the value is, and where a model has edited the token", async () => {
    expect(await labels({ birth_date: "ORG_1A2B3C4D5E" }, [["ORG_1A2B3C4D5E", "1980-05-17", false]])).toEqual({
      ORG_1A2B3C4D5E: ["BIRTH_DATE", "DATE"],
    });
    expect(await labels(["org\\_1a2b3c4d5e"], [["ORG_1A2B3C4D5E", IBAN, false]])).toEqual({ ORG_1A2B3C4D5E: ["IBAN"] });
  });

  it("tells what stands beside the values, and not what they hold", async () => {
    const named: Pair = ["IBAN_1A2B3C4D5E", IBAN, false];
    expect(await look("ada@example.org pays IBAN_1A2B3C4D5E", [named])).toEqual({ uncovered: new Map(), bare: ["EMAIL"] });
  });

  it("counts a value under its name and under what was found", () => {
    const uncovered = new Map([["ORG_1A2B3C4D5E", [{ label: "IBAN" as const, value: IBAN }]]]);
    expect(classesHeld(["ORG_1A2B3C4D5E", IBAN, false], uncovered)).toEqual(["ORG", "IBAN"]);
    expect(classesHeld(["LITERAL_1A2B3C4D5E", "IP_ADDR", false], uncovered)).toEqual([]);
  });
});
