import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LedgerLine, StatementLine } from "../../../../extensions/ledger/books.ts";
import { isTransposed, reconcileBank } from "../../../../extensions/ledger/reconcile.ts";
import { copyBooks, openTools } from "../../../support/sample-books.ts";

type Move = { readonly reference: string; readonly cents: number; readonly day?: string; readonly type?: StatementLine["type"] };

const ledgerOf = (moves: readonly Move[]): LedgerLine[] =>
  moves.map(({ reference, cents, day = "2026-10-10" }, i) => ({
    id: `GL-${i}`,
    journal: `J-${i}`,
    date: day,
    account: "1200",
    department: "finance",
    debit: Math.max(0, cents),
    credit: Math.max(0, -cents),
    reference,
    counterparty: "",
  }));

function statementOf(moves: readonly Move[]): StatementLine[] {
  let balance = 0;
  return moves.map(({ reference, cents, day = "2026-10-12", type = "TRANSFER" }, i) => {
    balance += cents;
    return { id: `BS-${i}`, booked_on: day, type, reference, counterparty: "", amount: cents, balance };
  });
}

const reconcile = (books: readonly Move[], bank: readonly Move[]) => reconcileBank(ledgerOf(books), statementOf(bank), "1200", "2026-10");
const base: Move = { reference: "A", cents: -5_000 };

describe("reconciling the bank", () => {
  test.each<[string, Move[], Move[], string, string, number]>([
    ["what is under way at the end of the month", [{ reference: "B", cents: -700, day: "2026-10-30" }], [], "timing", "statement", -700],
    ["what the bank never saw, long after it was recorded", [{ reference: "B", cents: -700 }], [], "missing_on_statement", "none", 0],
    ["a bank's fee", [], [{ reference: "F", cents: -120, type: "FEE" }], "bank_fee", "ledger", -120],
    ["what the books miss", [], [{ reference: "C", cents: 900 }], "missing_in_ledger", "ledger", 900],
    ["a second recording in the books", [base], [], "duplicate", "ledger", 5_000],
    ["a second booking by the bank", [], [base], "duplicate_on_statement", "statement", 5_000],
    [
      "two digits that changed places",
      [{ reference: "D", cents: 12_435 }],
      [{ reference: "D", cents: 12_453 }],
      "transposed_digits",
      "ledger",
      18,
    ],
    [
      "an amount that is simply another",
      [{ reference: "D", cents: 12_435 }],
      [{ reference: "D", cents: 19_000 }],
      "amount_mismatch",
      "none",
      0,
    ],
  ])("finds %s", (_title, books, bank, kind, adjusts, adjustment) => {
    const result = reconcile([base, ...books], [base, ...bank]);
    expect(result.matched).toBe(1);
    expect(result.differences.map((d) => [d.kind, d.adjusts, d.adjustmentCents])).toEqual([[kind, adjusts, adjustment]]);
    expect(result.adjustedBookCents === result.adjustedStatementCents).toBe(adjusts !== "none");
  });

  test("does not count the balance carried forward as a movement", () => {
    const opening: Move = { reference: "OPENING", cents: 90_000, type: "OPENING" };
    expect(reconcile([opening, base], [opening, base])).toMatchObject({
      matched: 1,
      differences: [],
      bookCents: 85_000,
      statementCents: 85_000,
    });
  });

  test("refuses a statement with a row cut out", () => {
    const rows = statementOf([base, { reference: "B", cents: 100 }, { reference: "C", cents: 100 }]);
    expect(() => reconcileBank(ledgerOf([base]), rows.toSpliced(1, 1), "1200", "2026-10")).toThrow(/balance of row 2/);
  });

  test("refuses a month without a statement", () => {
    expect(() => reconcileBank(ledgerOf([base]), statementOf([base]), "1200", "2026-11")).toThrow(/no movements in 2026-11/);
  });

  test("comes to one balance on both sides whatever is missing, doubled or under way", () => {
    const cents = fc.integer({ min: -9_000_000, max: 9_000_000 }).filter((value) => value !== 0);
    const fate = fc.constantFrom("both", "under way", "bank only", "fee", "doubled");
    fc.assert(
      fc.property(fc.array(fc.tuple(cents, fate), { minLength: 1, maxLength: 40 }), (moves) => {
        const all = moves.map(([amount, what], i) => ({ reference: `R-${i}`, cents: amount, what }));
        const books = all.flatMap((move) =>
          move.what === "bank only" || move.what === "fee"
            ? []
            : [{ ...move, day: move.what === "under way" ? "2026-10-31" : "2026-10-10" }, ...(move.what === "doubled" ? [move] : [])],
        );
        const bank = all.flatMap((move) =>
          move.what === "under way" ? [] : [{ ...move, type: move.what === "fee" ? ("FEE" as const) : ("CARD" as const) }],
        );
        const result = reconcile([base, ...books], [base, ...bank]);
        expect(result.adjustedBookCents).toBe(result.adjustedStatementCents);
        expect(result.differences).toHaveLength(all.filter((move) => move.what !== "both").length);
      }),
    );
  });

  test("takes only neighbouring digits for transposed ones", () => {
    expect(isTransposed(12_435, 12_453)).toBe(true);
    expect(isTransposed(-12_435, -21_435)).toBe(true);
    for (const other of [12_435, -12_453, 54_321, 12_534, 1_243, 12_445]) expect(isTransposed(12_435, other), String(other)).toBe(false);
  });

  test("finds in the sample books every planted difference and explains them all", async () => {
    const result = await openTools(await copyBooks("finance")).ok("reconcile_bank");
    const kinds = (result["differences"] as { kind: string }[]).map((difference) => difference.kind);
    const counts = Object.fromEntries([...Map.groupBy(kinds, (kind) => kind)].map(([kind, list]) => [kind, list.length]));
    expect(counts).toEqual({ timing: 5, bank_fee: 2, duplicate: 1, transposed_digits: 2, missing_in_ledger: 2 });
    expect(result["reconciled"]).toBe(true);
    expect(result["matched"]).toBe(377);
    expect(JSON.stringify(result).length).toBeLessThan(4_000);
  });
});
