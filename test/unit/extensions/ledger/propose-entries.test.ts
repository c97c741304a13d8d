import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { JournalEntry } from "../../../../extensions/ledger/close-records.ts";
import { createEntries } from "../../../../extensions/ledger/journal-entries.ts";
import { centsOf, formatCents } from "../../../../extensions/ledger/money.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import { copyBooks, departmentResults, openTools, PERIOD } from "../../../support/sample-books.ts";

const balanceOf = (entry: JournalEntry): number => entry.lines.reduce((sum, line) => sum + centsOf(line.debit) - centsOf(line.credit), 0);

let results: Awaited<ReturnType<typeof departmentResults>>;
beforeAll(async () => {
  results = await departmentResults();
});

describe("proposing the close", () => {
  test("stores balanced entries and gives a small payload that names them by hash", async () => {
    const dir = await copyBooks("finance");
    const proposed = await openTools(dir).ok("propose_entries", results);
    const stored = JSON.parse(await readFile(join(dir, "close", PERIOD, "proposal.json"), "utf8")) as { entries: JournalEntry[] };
    expect(proposed["proposalHash"]).toBe(canonicalHash(stored));
    expect(stored.entries).toHaveLength(10);
    for (const entry of stored.entries) expect(balanceOf(entry), entry.description).toBe(0);
    expect(JSON.stringify(proposed).length).toBeLessThan(1_500);
  });

  test("gives the same proposal when it is done again, whichever department came first", async () => {
    const dir = await copyBooks("finance");
    const first = await openTools(dir).ok("propose_entries", results);
    const again = await openTools(dir).ok("propose_entries", { ...results, accruals: results.accruals.toReversed() });
    expect(again).toEqual(first);
  });

  test.each<[string, () => object, RegExp]>([
    [
      "a total that its lines don't come to",
      () => ({ accruals: [{ ...results.accruals[0], total: "1.00" }] }),
      /does not add up: .* 39897\.12/,
    ],
    ["a result for another month", () => ({ payroll: { ...results.payroll, period: "2026-09" } }), /hr is for 2026-09/],
    ["a department twice", () => ({ accruals: [results.accruals[0], results.accruals[0]] }), /there twice/],
    [
      "a line twice",
      () => {
        const [line] = results.accruals[0]?.accruals ?? [];
        return { accruals: [{ ...results.accruals[0], accruals: [line, line], total: formatCents(2 * centsOf(line?.amount ?? "")) }] };
      },
      /a source twice/,
    ],
    [
      "a charge to the bank account",
      () => ({ accruals: [{ ...results.accruals[0], accruals: [{ account: "1200", amount: "5.00", source: "PO" }], total: "5.00" }] }),
      /no expense account/,
    ],
    [
      "a negative amount",
      () => ({ accruals: [{ ...results.accruals[0], accruals: [{ account: "6310", amount: "-5.00", source: "PO" }], total: "-5.00" }] }),
      /not above 0\.00/,
    ],
    ["an amount that is no decimal text", () => ({ payroll: { ...results.payroll, total: "12,5" } }), /payroll\.total/],
  ])("refuses %s and stores nothing", async (_title, change, problem) => {
    const dir = await copyBooks("finance");
    expect(await openTools(dir).refusal("propose_entries", { ...results, ...change() })).toMatch(problem);
    await expect(readFile(join(dir, "close", PERIOD, "proposal.json"))).rejects.toThrow("ENOENT");
  });

  test("refuses while the bank account has a difference that nobody can explain", async () => {
    const dir = await copyBooks("finance");
    const path = join(dir, "ledger.csv");
    const text = await readFile(path, "utf8");
    await writeFile(
      path,
      `${text}GL-X,J-X,2026-10-09,1200,finance,lost cheque,0.00,77.00,CHQ-1,,\nGL-Y,J-X,2026-10-09,2100,finance,lost cheque,77.00,0.00,CHQ-1,,\n`,
    );
    expect(await openTools(dir).refusal("propose_entries", results)).toMatch(/STATE_CONFLICT: .* 1 differences are unexplained/);
  });
});

describe("journal entries", () => {
  const settings = {
    organisation: "O",
    currency: "EUR",
    bank_account: "1200",
    bank_clearing_account: "1290",
    bank_charges_account: "6800",
    accrued_liabilities_account: "2150",
    payroll_liabilities_account: "2200",
  };
  const amount = fc.integer({ min: 1, max: 900_000_000_00 });
  const line = fc.record({ account: fc.constantFrom("6310", "6320", "2150"), department: fc.constantFrom("sales", "hr"), cents: amount });
  const found = fc.record({
    kind: fc.constantFrom("bank_fee" as const, "duplicate" as const, "transposed_digits" as const, "missing_in_ledger" as const),
    cents: fc.integer({ min: -900_000_000, max: 900_000_000 }),
  });

  test("always balance, line by line and as a whole, and never hold a line of nothing", () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }),
        fc.array(line, { maxLength: 30 }),
        fc.array(found, { maxLength: 20 }),
        (own, pay, bank) => {
          const lines = (list: typeof own) => list.map((item, i) => ({ ...item, amount: formatCents(item.cents), source: String(i) }));
          const total = (list: typeof own): string => formatCents(list.reduce((sum, item) => sum + item.cents, 0));
          const entries = createEntries({
            period: PERIOD,
            settings,
            ledger: [],
            accruals: [{ department: "sales", period: PERIOD, accruals: lines(own), total: total(own) }],
            payroll: { department: "hr", period: PERIOD, accruals: lines(pay), total: total(pay) },
            differences: bank.map(({ kind, cents }) => ({
              kind,
              reference: "R",
              date: "2026-10-01",
              ledgerCents: null,
              statementCents: cents,
              adjusts: "ledger" as const,
              adjustmentCents: cents,
              counterparty: "",
              journal: null,
            })),
          });
          for (const entry of entries) {
            expect(balanceOf(entry)).toBe(0);
            for (const side of entry.lines) expect(centsOf(side.debit) > 0 !== centsOf(side.credit) > 0).toBe(true);
          }
          expect(new Set(entries.map((entry) => entry.id)).size).toBe(entries.length);
        },
      ),
    );
  });
});
