import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";
import { isValidPhoneNumber } from "libphonenumber-js/max";
import { describe, expect, test } from "vitest";
import { generateBooks } from "../../../../profiles/sample/data/generate.ts";

const DATA = new URL("../../../../profiles/sample/data/", import.meta.url);
const books = generateBooks();
const rowsOf = (path: string): Record<string, string>[] => parse(books.get(path) ?? "", { columns: true });
const cents = (text = ""): number => Number(text.replace(".", ""));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** ISO 13616: rearranged, letters as numbers, remainder 1 by 97. */
const ibanIsValid = (iban: string): boolean => {
  const plain = iban.replaceAll(" ", "");
  const digits = [...(plain.slice(4) + plain.slice(0, 4))].map((char) => Number.parseInt(char, 36)).join("");
  return BigInt(digits) % 97n === 1n;
};
/** ISO 7812: from the right, every second digit doubled. */
const luhnIsValid = (digits: string): boolean =>
  sum([...digits].reverse().map((digit, i) => [...String(Number(digit) * (1 + (i % 2)))].reduce((a, b) => a + Number(b), 0))) % 10 === 0;

const NATIONAL_IDS: Record<string, (id: string) => boolean> = {
  dni: (id) => /^\d{8}[A-Z]$/.test(id) && "TRWAGMYFPDXBNJZSQVHLCKE"[Number(id.slice(0, 8)) % 23] === id[8],
  nir: (id) =>
    /^[12]( \d\d){3}( \d{3}){2} \d\d$/.test(id) && Number(id.slice(-2)) === 97 - Number(BigInt(id.slice(0, -3).replaceAll(" ", "")) % 97n),
  personnummer: (id) => /^\d{6}-\d{4}$/.test(id) && luhnIsValid(id.replace("-", "")),
  bsn: (id) => /^\d{9}$/.test(id) && sum([9, 8, 7, 6, 5, 4, 3, 2, -1].map((weight, i) => weight * Number(id[i]))) % 11 === 0,
  pesel: (id) => /^\d{11}$/.test(id) && sum([1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1].map((weight, i) => weight * Number(id[i]))) % 10 === 0,
  steuerId: (id) => /^\d\d( \d{3}){3}$/.test(id) && mod1110(id.replaceAll(" ", "")),
  nino: (id) => /^[A-Z]{2}( \d\d){3} [A-D]$/.test(id),
  ssn: (id) => /^(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}$/.test(id),
};

/** ISO 7064 MOD 11,10: the whole number leaves 1. */
function mod1110(digits: string): boolean {
  const head = Array.from(digits.slice(0, 10)).reduce((product, digit) => (((product + Number(digit)) % 10 || 10) * 2) % 11, 10);
  return (head + Number(digits[10])) % 10 === 1;
}

describe("the sample books", () => {
  test("are the committed files, byte for byte, however often they are made", () => {
    for (const [path, text] of generateBooks()) expect(text, path).toBe(readFileSync(new URL(path, DATA), "utf8"));
  });

  test("have the size of a real month: about 2,000 ledger lines, 60 purchase orders, 40 employees", () => {
    expect(rowsOf("finance/ledger.csv").length).toBeGreaterThan(1_900);
    expect(rowsOf("marketing/purchase-orders.csv").length + rowsOf("engineering/purchase-orders.csv").length).toBe(60);
    expect(rowsOf("hr/employees.csv")).toHaveLength(40);
    expect(rowsOf("hr/payroll.csv").filter((row) => row["period"] === "2026-10")).toHaveLength(40);
  });

  test("have a ledger in which every journal balances and every account is in the chart", () => {
    const chart = new Set(rowsOf("finance/accounts.csv").map((row) => row["account"]));
    const journals = Map.groupBy(rowsOf("finance/ledger.csv"), (row) => row["journal"]);
    for (const [journal, lines] of journals) {
      expect(sum(lines.map((line) => cents(line["debit"]) - cents(line["credit"]))), journal).toBe(0);
      for (const line of lines) expect(chart).toContain(line["account"]);
    }
  });

  test("have a bank statement whose running balance adds up and that differs from the ledger's bank account", () => {
    let balance = 0;
    for (const row of rowsOf("finance/bank-statement.csv")) {
      balance += cents(row["amount"]);
      expect(cents(row["balance"]), row["id"]).toBe(balance);
    }
    const bank = rowsOf("finance/ledger.csv").filter((row) => row["account"] === "1200");
    expect(sum(bank.map((row) => cents(row["debit"]) - cents(row["credit"])))).not.toBe(balance);
  });

  test("have purchase orders in every stage that accruals must tell apart", () => {
    for (const department of ["marketing", "engineering"]) {
      const orders = rowsOf(`${department}/purchase-orders.csv`);
      const has = (wanted: (row: Record<string, string>) => boolean): boolean => orders.some(wanted);
      const received = (row: Record<string, string>): boolean => cents(row["received"]) > 0;
      expect(has((row) => row["status"] === "cancelled" && received(row))).toBe(true);
      expect(has((row) => (row["received_on"] ?? "") > "2026-10-31")).toBe(true);
      expect(has((row) => (row["invoiced_on"] ?? "") > "2026-10-31" && (row["received_on"] ?? "") <= "2026-10-31")).toBe(true);
      expect(has((row) => cents(row["invoiced"]) > 0 && cents(row["invoiced"]) < cents(row["received"]))).toBe(true);
      expect(has((row) => row["status"] === "open" && !received(row))).toBe(true);
    }
  });

  test("have IBANs, phones, cards and national ids whose checksums hold, from several countries", () => {
    const all = [...books.values()].join("\n");
    const people = rowsOf("hr/employees.csv");
    const orders = [...rowsOf("marketing/purchase-orders.csv"), ...rowsOf("engineering/purchase-orders.csv")];
    for (const iban of [...people.map((row) => row["iban"]), ...orders.map((row) => row["vendor_iban"])])
      expect(ibanIsValid(iban ?? ""), iban).toBe(true);
    for (const phone of [...people.map((row) => row["phone"]), ...orders.map((row) => row["contact_phone"])])
      expect(isValidPhoneNumber(phone ?? ""), phone).toBe(true);
    const cards = new Set(all.match(/\b\d{4} \d{4} \d{4} \d{4}\b(?=[^\d]{4,}: )/g));
    expect(cards.size).toBeGreaterThan(4);
    for (const card of cards) expect(luhnIsValid(card.replaceAll(" ", "")), card).toBe(true);
    const kinds = people.map((row) => Object.keys(NATIONAL_IDS).find((kind) => NATIONAL_IDS[kind]?.(row["national_id"] ?? "")));
    expect(kinds).not.toContain(undefined);
    expect(new Set(kinds).size).toBe(Object.keys(NATIONAL_IDS).length);
  });
});
