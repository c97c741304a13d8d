import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../../guard/detect/detector.ts";

const detector = createDetector({ ignore: ["DATE"] });
const found = (text: string): string[] => detector.detect(text).map(({ label, value }) => `${label} ${value}`);

describe("numbers of employees", () => {
  it.each([
    ["Employee ID: NO-12345", "NO-12345"],
    ["Personalnummer 4711-02", "4711-02"],
    ["badge no. 88213 was used", "88213"],
    ['{"employeeId":"E-1002"}', "E-1002"],
    ["Employee ID,Name,Site\nEM-4471,Anna,Rome\nEM-4472,Bo,Oslo\n", "EM-4472"],
    ["matricule : 00317", "00317"],
  ])("are found in %s", (text, id) => {
    expect(found(text)).toContain(`EMPLOYEE_ID ${id}`);
  });

  it.each(["We have 350 employees.", "employee count: 350", "order number 12345", "the badge is green, 300 of them"])(
    "are not found in %s",
    (text) => {
      expect(found(text)).toEqual([]);
    },
  );
});

describe("ages", () => {
  it.each(["I am 34 years old.", "a 34-year-old driver", "sie ist 34 Jahre alt", "34 y/o, smoker"])("are found in %s", (text) => {
    expect(found(text)).toEqual(["BIRTH_DATE 34"]);
  });

  it.each(["for 34 years", "34 years of experience", "a 2 year contract", "version 34 is old"])("are not found in %s", (text) => {
    expect(found(text)).toEqual([]);
  });
});
