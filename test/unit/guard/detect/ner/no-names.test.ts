/** What a model of names may take for one and is none. */
import { describe, expect, it } from "vitest";
import { isNoName } from "../../../../../guard/detect/ner/no-names.ts";
import type { DataClass } from "../../../../../mesh/contract/data-class.ts";

const judged = (text: string, value: string, label: DataClass): boolean => {
  const start = text.indexOf(value);
  return isNoName({ start, end: start + value.length, label, score: 0.5, detector: "ner", value }, text);
};

describe("a finding of the model", () => {
  it.each([
    ["Name a targetRole, please", "targetRole", "PERSON"],
    ['  b. targetRole "hr"', "b. targetRole", "PERSON"],
    ["quorum: until three agree", "quorum", "PERSON"],
    ["the field step_id", "step_id", "PERSON"],
    ['{"po":"PO-E-4102"}', "PO-E-4102", "ADDRESS"],
    ["entry R-17 of the ledger", "R-17", "PERSON"],
    ["a JSON object", "JSON", "PERSON"],
    ['{"iban": "…"}', "iban", "PERSON"],
    ['{"iban":"…"}', "iban", "ORG"],
    ["commit 4f2a9c1", "4f2a9c1", "LOCATION"],
    ["the Canadian team", "Canadian", "LOCATION"],
    ["Betreff: Urlaub", "Betreff", "PERSON"],
    ["Obrigado!", "Obrigado", "PERSON"],
  ] as const)("is no name in %s", (text, value, label) => {
    expect(judged(text, value, label)).toBe(true);
  });

  it.each([
    ['{"name":"Anna"}', "Anna", "PERSON"],
    ['{"Anna": 12}', "Anna", "PERSON"],
    ["Mr McDonald came", "McDonald", "PERSON"],
    ["Dawn French came", "French", "PERSON"],
    ["ask anna schmidt", "anna schmidt", "PERSON"],
    ["signed, J. Smith", "J. Smith", "PERSON"],
    ["Total Energies pays", "Total Energies", "ORG"],
    ["moved to D-10115 Berlin", "D-10115", "ADDRESS"],
    ["lives at Hauptstr.12", "Hauptstr.12", "ADDRESS"],
    ["on 2026-03-12", "2026-03-12", "DATE"],
  ] as const)("stays one in %s", (text, value, label) => {
    expect(judged(text, value, label)).toBe(false);
  });
});
