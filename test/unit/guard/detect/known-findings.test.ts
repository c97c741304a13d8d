import { expect, it } from "vitest";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { withKnownValues } from "../../../../guard/detect/known-findings.ts";
import { createKnownValues } from "../../../../guard/detect/known-values.ts";

const TEXT = "Bergström pays Bergström Optik today.";
const found = (start: number, end: number, label: Finding["label"], detector: string): Finding => ({
  start,
  end,
  label,
  detector,
  score: 0.55,
  value: TEXT.slice(start, end),
});
const withKnown = (value: string, label: Finding["label"], findings: readonly Finding[]): string[] => {
  const known = createKnownValues();
  known.add(value, label);
  return withKnownValues(TEXT, findings, known).map(({ start, end, label: each }) => `${each} ${TEXT.slice(start, end)}`);
};

it.each([
  ["keeps the class that a value was first found with, where the model now takes it for another", "Bergström", "ner", "ORG Bergström"],
  ["takes the class of a rule or a list, which is certain", "Bergström", "list:deny", "PERSON Bergström"],
])("%s", (_, value, detector, expected) => {
  expect(withKnown(value, "ORG", [found(0, 9, "PERSON", detector)])[0]).toBe(expected);
});

it("lets the longer span give the class", () => {
  expect(withKnown("Bergström Optik", "ORG", [found(15, 24, "PERSON", "ner")])).toEqual(["ORG Bergström Optik"]);
  expect(withKnown("Bergström", "PERSON", [found(15, 30, "ORG", "ner")])).toEqual(["PERSON Bergström", "ORG Bergström Optik"]);
});
