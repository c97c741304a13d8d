import { describe, expect, it } from "vitest";
import { emailNames } from "../../../../guard/detect/email-names.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { createKnownValues, nameParts } from "../../../../guard/detect/known-values.ts";
import { createColumnValues } from "../../../../guard/detect/lists/column-values.ts";
import { alikeFields } from "../../../../guard/detect/ner/alike-fields.ts";

/** Findings at the first place of each value. */
const findingsOf = (text: string, values: readonly string[], label: Finding["label"]): Finding[] =>
  values
    .map(
      (value): Finding => ({
        start: text.indexOf(value),
        end: text.indexOf(value) + value.length,
        label,
        score: 0.5,
        detector: "ner",
        value,
      }),
    )
    .toSorted((a, b) => a.start - b.start);
const surfaces = (text: string, spans: readonly { start: number; end: number }[]): string[] =>
  spans.map(({ start, end }) => text.slice(start, end));

describe("names that e-mail addresses give away", () => {
  it.each([
    ["h.vollmers@shop.example", "Henrike Vollmers asked; Vollmers waits.", ["Henrike Vollmers", "Vollmers"]],
    ["aylin.demirtas@shop.example", "Frau Demirtaş und Aylin.", ["Demirtaş", "Aylin"]],
    ["j.mueller@shop.example", "Jörg Müller, not Karl Müller", ["Jörg Müller", "Müller"]],
    ["support@shop.example", "Ask Support or the Shop.", []],
    ["invoice.may@shop.example", "The Invoice of May.", []],
  ])("%s", (address, text, names) => {
    const whole = `${address}: ${text}`;
    expect(surfaces(whole, emailNames(whole, findingsOf(whole, [address], "EMAIL")))).toEqual(names);
  });
});

describe("fields that are alike", () => {
  it("hold names where most fields of the column do, but not in the line that names the columns", () => {
    const text = "name;town\nAnna Schmidt;Kiel\nPeter Miller;Bonn\nZoe Okafor;Kiel\nThi;Bonn\n12345;Kiel\n";
    const found = findingsOf(text, ["Anna Schmidt", "Peter Miller", "Zoe Okafor"], "PERSON");
    expect(surfaces(text, alikeFields(text, found))).toEqual(["Thi"]);
  });

  it("hold names where most values of a JSON key do", () => {
    const text = JSON.stringify(["Anna Schmidt", "Peter Miller", "Zoe Okafor", "Thi"].map((who) => ({ who, state: "open" })));
    const found = findingsOf(text, ["Anna Schmidt", "Peter Miller", "Zoe Okafor"], "PERSON");
    expect(surfaces(text, alikeFields(text, found))).toEqual(["Thi"]);
  });

  it("are left alone where only few hold names", () => {
    const text = "task;note\nA;Anna Schmidt\nB;tidy up\nC;buy paper\nD;call back\n";
    expect(alikeFields(text, findingsOf(text, ["Anna Schmidt"], "PERSON"))).toEqual([]);
  });
});

describe("parts of a person's name", () => {
  it("leave out titles, particles and initials", () => {
    expect(nameParts("Prof. Dr. Hans-Peter von der Müller J. O'Neill's")).toEqual(["Hans-Peter", "Müller", "O'Neill"]);
    expect(nameParts("Anna")).toEqual([]);
  });

  it("are found alone in any case, with a genitive's s, and everyday words only with a capital", () => {
    const known = createKnownValues();
    known.add("Anna Will", "PERSON");
    const text = "ANNA and anna will go; Annas car; Will's turn; Annabel; will";
    expect(surfaces(text, known.find(text))).toEqual(["ANNA", "anna will", "Anna", "Will"]);
  });

  it("are found in scripts without spaces", () => {
    const known = createKnownValues();
    known.add("王小明", "PERSON");
    expect(surfaces("昨天王小明说", known.find("昨天王小明说"))).toEqual(["王小明"]);
  });
});

describe("columns that the organisation declared", () => {
  const values = createColumnValues([{ class: "PERSON", names: ["employee name"] }]);
  it.each([
    ['id,Employee_Name,x\n1,Anna Schmidt,2\n2,"Okafor, Zoe",3\n', ["Anna Schmidt", "Okafor, Zoe"]],
    ["| Employee name | y |\n|---|---|\n| Anna | 1 |\n", ["Anna"]],
    ['{"employeeName": "Anna \\"A\\" Schmidt", "other": "x"}', ['Anna \\"A\\" Schmidt']],
    ["Employee name: Anna Schmidt\nOther: x", ["Anna Schmidt"]],
    ["employee name;x\nnull;1\n", []],
  ])("%s", (text, expected) => {
    expect(surfaces(text, values(text))).toEqual(expected);
  });
});
