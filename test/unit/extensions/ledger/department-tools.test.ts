import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PurchaseOrder } from "../../../../extensions/ledger/books.ts";
import { accruedCents } from "../../../../extensions/ledger/purchase-orders.ts";
import { copyBooks, openTools } from "../../../support/sample-books.ts";

const order = (change: Partial<PurchaseOrder>): PurchaseOrder => ({
  po: "PO-1",
  department: "marketing",
  vendor: "V",
  contact_name: "",
  contact_email: "",
  contact_phone: "",
  vendor_iban: "",
  description: "",
  account: "6310",
  currency: "EUR",
  ordered: 10_000,
  received: 10_000,
  received_on: "2026-10-20",
  invoiced: 0,
  invoiced_on: null,
  status: "open",
  ...change,
});

describe("accruals from purchase orders", () => {
  test.each([
    ["received and not invoiced: all of it", {}, 10_000],
    ["partly received: the part", { received: 4_000 }, 4_000],
    ["partly invoiced: the rest", { invoiced: 3_000, invoiced_on: "2026-10-25" }, 7_000],
    ["received on the last day: all of it", { received_on: "2026-10-31" }, 10_000],
    ["received a day later: nothing", { received_on: "2026-11-01" }, 0],
    ["invoiced after the end: all of it", { invoiced: 10_000, invoiced_on: "2026-11-01" }, 10_000],
    ["invoiced on the last day: nothing", { invoiced: 10_000, invoiced_on: "2026-10-31" }, 0],
    ["invoiced for more than was received: nothing, never less", { received: 4_000, invoiced: 10_000, invoiced_on: "2026-10-25" }, 0],
    ["cancelled: nothing", { status: "cancelled" as const }, 0],
    ["not received: nothing", { received: 0, received_on: null }, 0],
  ])("%s", (_title, change, cents) => {
    expect(accruedCents(order(change), "2026-10-31")).toBe(cents);
  });

  test("name the order and never a person, and stay small enough for a model to carry", async () => {
    const result = await openTools(await copyBooks("marketing")).ok("purchase_order_accruals");
    const text = JSON.stringify(result);
    expect(text.length).toBeLessThan(4_000);
    expect(text).not.toMatch(/@|IBAN|\+\d{2}/);
    expect(result["accruals"]).not.toHaveLength(0);
  });
});

describe("the payroll", () => {
  test("register has all forty employees with what a guard must mask", async () => {
    const result = await openTools(await copyBooks("hr")).ok("payroll_register");
    expect(result["employees"]).toHaveLength(40);
    expect(JSON.stringify(result)).toContain("@northwind-optics.example");
  });

  test("accrual holds totals by department alone, and they add up", async () => {
    const result = await openTools(await copyBooks("hr")).ok("payroll_accrual");
    const lines = result["accruals"] as { amount: string }[];
    const sum = lines.reduce((total, line) => total + Number(line.amount.replace(".", "")), 0);
    expect(`${Math.floor(sum / 100)}.${String(sum % 100).padStart(2, "0")}`).toBe(result["total"]);
    expect(JSON.stringify(result)).not.toMatch(/@|E-1\d{3}/);
    expect(JSON.stringify(result).length).toBeLessThan(4_000);
  });

  test("of a month that was never run is refused with the fix", async () => {
    expect(await openTools(await copyBooks("hr")).refusal("payroll_accrual", { period: "2027-01" })).toContain(
      "Run the payroll of that month first",
    );
  });
});

describe("the books", () => {
  test("that nobody named are asked for", async () => {
    expect(await openTools(undefined).refusal("purchase_order_accruals")).toContain("set GAGGLE_BOOKS");
  });

  test("of another department lack the file, and the error says which", async () => {
    expect(await openTools(await copyBooks("hr")).refusal("reconcile_bank")).toContain("settings.csv");
    expect(await openTools(await copyBooks("hr")).refusal("purchase_order_accruals")).toMatch(/^NOT_FOUND: .*purchase-orders\.csv/);
  });

  test("with a wrong amount are refused by file, row and column, without the value", async () => {
    const dir = await copyBooks("hr");
    await writeFile(
      join(dir, "payroll.csv"),
      "employee_id,period,gross,gross_paid_on,employer_contributions,contributions_paid_on,bonus_accrued\nE-1001,2026-10,secret7,,1.00,,0.00\n",
    );
    const refusal = await openTools(dir).refusal("payroll_accrual");
    expect(refusal).toContain("payroll.csv, row 1, column gross");
    expect(refusal).not.toContain("secret7");
  });

  test("with a period that is no month are not opened at all", async () => {
    expect(await openTools(await copyBooks("hr")).refusal("payroll_accrual", { period: "../2026" })).toMatch(/^INVALID_INPUT/);
    expect(await openTools(await copyBooks("hr")).refusal("payroll_accrual", { period: "2026-13" })).toMatch(/^INVALID_INPUT/);
  });
});
