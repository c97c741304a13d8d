import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";
import type { DataClass } from "../../../../mesh/contract/data-class.ts";

const DATA = join(import.meta.dirname, "../../../../profiles/sample/data");
const FILES = readdirSync(DATA, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".csv"));

/** Columns of personal data, by the end of their name. */
const COLUMNS: readonly (readonly [ending: string, label: DataClass])[] = [
  ["email", "EMAIL"],
  ["phone", "PHONE"],
  ["iban", "IBAN"],
  ["card", "CARD"],
  ["national_id", "NATIONAL_ID"],
  ["birth_date", "BIRTH_DATE"],
];
/** Nine figures or a bare date: these need a word, a key or company, which a sentence of two words doesn't give. */
const needsContext = (value: string): boolean => /^\d{9}$|^\d{4}-\d{2}-\d{2}$/.test(value);

const detector = createDetector();

interface PersonalValue {
  readonly column: string;
  readonly label: DataClass;
  readonly value: string;
  readonly row: string;
}

function personalValues(file: string): PersonalValue[] {
  const rows = parse<Record<string, string>>(readFileSync(join(DATA, file), "utf8"), { columns: true });
  return rows.flatMap((row) =>
    Object.entries(row).flatMap(([column, value]) => {
      const label = COLUMNS.find(([ending]) => column.endsWith(ending))?.[1];
      return label === undefined || value === "" ? [] : [{ column, label, value, row: Object.values(row).join(",") }];
    }),
  );
}

/** The classes of the spans that cover the value's first place in the text; empty where it is not wholly covered. */
function labelsOver(text: string, value: string): string[] {
  const start = text.indexOf(value);
  return detector
    .detect(text)
    .filter((finding) => finding.start <= start && finding.end >= start + value.length)
    .map((finding) => finding.label);
}

const VALUES = FILES.flatMap(personalValues);

describe("personal data of the sample company", () => {
  it("is there to be tested", () => {
    expect(new Set(VALUES.map(({ label }) => label))).toEqual(new Set(["EMAIL", "PHONE", "IBAN", "NATIONAL_ID", "BIRTH_DATE"]));
    expect(VALUES.length).toBeGreaterThan(300);
  });

  it.each(COLUMNS.map(([, label]) => label))(
    "of class %s is found in a row, in JSON, as a keyed line and in a sentence",
    { timeout: 60_000 },
    (wanted) => {
      for (const { column, label, value, row } of VALUES.filter((each) => each.label === wanted)) {
        const texts = [JSON.stringify({ [column]: value }), JSON.stringify(JSON.stringify([{ [column]: value }])), `${column}: ${value}`];
        if (!needsContext(value)) texts.push(`Please check ${value}, and tell me.`, value);
        if (label !== "BIRTH_DATE") texts.push(row);
        for (const text of texts) expect(labelsOver(text, value), text).toEqual([label]);
      }
    },
  );

  it.each(FILES)("is found in the whole of %s", { timeout: 60_000 }, (file) => {
    const text = readFileSync(join(DATA, file), "utf8");
    const findings = detector.detect(text);
    const covered = findings.map((finding) => text.slice(finding.start, finding.end)).join("\n");
    for (const { value } of personalValues(file)) expect(covered).toContain(value);
  });

  it("is also found where the books name a card, a phone or an address in a text", { timeout: 60_000 }, () => {
    const text = readFileSync(join(DATA, "finance/ledger.csv"), "utf8");
    const masked = detector.detect(text).reduceRight((rest, finding) => rest.slice(0, finding.start) + rest.slice(finding.end), text);
    expect(masked).not.toMatch(/\d{4} \d{4} \d{4} \d{4}|@|\+\d\d[ \d]/);
  });
});
