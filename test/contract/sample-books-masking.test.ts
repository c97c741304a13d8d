import { parse } from "csv-parse/sync";
import { describe, expect, test } from "vitest";
import { createDetector } from "../../guard/detect/detector.ts";
import { generateBooks } from "../../profiles/sample/data/generate.ts";
import { copyBooks, openTools } from "../support/sample-books.ts";

const PERSONAL = ["email", "contact_email", "phone", "contact_phone", "iban", "vendor_iban", "counterparty_iban", "national_id"];
const books = generateBooks();
const cards = [...(books.get("finance/ledger.csv") ?? "").matchAll(/Card ((?:\d{4} ?){4})/g)].map((match) => (match[1] ?? "").trim());
const personal = new Set([
  ...cards,
  ...[...books.values()].flatMap((text) => {
    const rows: Record<string, string>[] = parse(text, { columns: true });
    return rows.flatMap((row) => PERSONAL.flatMap((column) => (row[column] ? [row[column]] : [])));
  }),
]);

/** The text without what the guard's rules find in it; dates are only counted by default. */
function masked(text: string): string {
  return createDetector({ ignore: ["DATE"] })
    .detect(text)
    .toReversed()
    .reduce((rest, found) => `${rest.slice(0, found.start)}#${rest.slice(found.end)}`, text);
}
const left = (text: string): string[] => [...personal].filter((value) => text.includes(value));

describe("the guard's rules on the sample books", () => {
  test.each([
    ["marketing", "open_purchase_orders"],
    ["engineering", "open_purchase_orders"],
    ["hr", "payroll_register"],
  ])("find all personal data in what %s's tool %s gives a model", async (department, tool) => {
    const text = JSON.stringify(await openTools(await copyBooks(department)).ok(tool));
    expect(left(text).length).toBeGreaterThan(30);
    expect(left(masked(text))).toEqual([]);
  });

  test.each([...books.keys()])("find all personal data in %s, as the raw file", (path) => {
    expect(left(masked(books.get(path) ?? ""))).toEqual([]);
  });

  test.each([
    ["marketing", "purchase_order_accruals"],
    ["hr", "payroll_accrual"],
    ["finance", "reconcile_bank"],
  ])("leave the figures and references of %s's tool %s as they are", async (department, tool) => {
    const text = JSON.stringify(await openTools(await copyBooks(department)).ok(tool));
    expect(masked(text)).toBe(text);
  });
});
