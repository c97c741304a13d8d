import { describe, expect, it } from "vitest";
import { guardLists } from "../../../../mesh/contract/guard-policy.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { createOrgLists } from "../../../../guard/detect/lists/org-lists.ts";
import { namesBehindKeys } from "../../../../guard/detect/name-keys.ts";
import { spreads } from "../../../../guard/detect/spreading.ts";

const values = (findings: readonly Finding[]): string[] => findings.map(({ value }) => value);

describe("names behind a key", () => {
  it.each([
    ["Employee: Dana Okafor\nGrade: 4", ["Dana Okafor"]],
    ["Name: OKAFOR Dana", ["OKAFOR Dana"]],
    ["Name: Okafor, Dana; Grade: 4", ["Okafor, Dana"]],
    ["**Prepared by:** Jan van der Meer (Finance)", ["Jan van der Meer"]],
    ["Vorname: Jörg\nNachname: Müller-Lüdenscheidt", ["Jörg", "Müller-Lüdenscheidt"]],
    ["Approved by: Finance Team", []],
    ["name: Build Image", []],
    ["Name: the build image", []],
    ["Filename: Dana Okafor", []],
    ["Employee: see the list of Dana", []],
  ])("%s", (text, expected) => {
    const found = namesBehindKeys(text);
    expect(values(found).toSorted()).toEqual(expected.toSorted());
    for (const { start, end, value } of found) expect(text.slice(start, end)).toBe(value);
  });

  it("take time linear in the text", () => {
    for (const piece of ["Name: ", "Name: Aa ", "Employee: Aa-", "Surname: Aa Aa Aa, "])
      expect(namesBehindKeys(piece.repeat(50_000))).toBeDefined();
  });
});

describe("people of the deny list", () => {
  const lists = createOrgLists(guardLists.parse({ v: 1, deny: [{ class: "PERSON", values: ["Fiona Berg", "Aylin Demirtas"] }] }));
  it.each([
    ["Ask Fiona about it.", ["Fiona"]],
    ["DEMIRTAS Aylin; Berg, Fiona", ["DEMIRTAS Aylin", "Berg, Fiona"]],
    ["Ein Berg voll Arbeit; aylin's list", []],
  ])("are masked by first name or surname alone, where it is no everyday word: %s", (text, expected) => {
    const found = lists.find(text).filter(({ detector, start }) => detector === "list:deny" || !lists.find(text).some((other) => other.detector === "list:deny" && other.start <= start && other.end > start)); // biome-ignore format: one line
    expect(values(found)).toEqual(expected);
  });
});

describe("what is looked up elsewhere", () => {
  const finding = (value: string, score: number, detector = "ner"): Finding => ({
    start: 0,
    end: value.length,
    label: "PERSON",
    score,
    detector,
    value,
  });
  it.each([
    ["a full name", finding("Dana Okafor", 0.2), true],
    ["a capitalised word that the model is sure of", finding("Okafor", 0.58), true],
    ["one that it is not sure of", finding("Vorschlag", 0.4), false],
    ["a word in lower case that it is rather sure of", finding("schrieb", 0.5), false],
    ["a word that an address gives away", finding("Okafor", 0.4, "email-name"), true],
    ["a guess from a column", finding("Thi", 0.3, "ner:alike"), true],
    ["a guess from a column that is an everyday word", finding("May", 0.3, "ner:alike"), false],
    ["a name in a script without case", finding("王小明", 0.4), true],
  ])("%s: %#", (_, found, expected) => expect(spreads(found)).toBe(expected));
});
