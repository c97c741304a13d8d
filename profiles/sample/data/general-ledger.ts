/** The general ledger of the period: about 2,000 lines in balanced journals. */
import { csvText, dayText, moneyText } from "./csv-text.ts";
import type { Dice } from "./dice.ts";
import { createCard } from "./identifiers.ts";
import type { Employee, PayrollRow } from "./payroll.ts";
import type { Firm } from "./people.ts";

/** Account of the bank in the chart of accounts. */
export const BANK = "1200";
const RECEIVABLES = "1100";
const PAYABLES = "2100";

/** `accounts.csv`: the chart of accounts. */
export const ACCOUNTS: readonly (readonly [account: string, name: string, type: string])[] = [
  ["1100", "Trade receivables", "asset"],
  ["1200", "Bank, current account", "asset"],
  ["1290", "Bank items to be clarified", "asset"],
  ["1500", "Input tax", "asset"],
  ["2100", "Trade payables", "liability"],
  ["2150", "Accrued liabilities", "liability"],
  ["2200", "Payroll liabilities", "liability"],
  ["2210", "Wage tax payable", "liability"],
  ["2300", "Output tax", "liability"],
  ["2900", "Retained earnings", "equity"],
  ["4000", "Sales of lenses", "revenue"],
  ["4100", "Sales of instruments", "revenue"],
  ["6000", "Salaries", "expense"],
  ["6010", "Employer's social contributions", "expense"],
  ["6020", "Bonuses", "expense"],
  ["6110", "Materials", "expense"],
  ["6120", "Freight", "expense"],
  ["6210", "Rent and utilities", "expense"],
  ["6220", "Office supplies", "expense"],
  ["6230", "Travel", "expense"],
  ["6310", "Advertising", "expense"],
  ["6320", "Fairs and events", "expense"],
  ["6330", "Agencies", "expense"],
  ["6340", "Translation", "expense"],
  ["6510", "Cloud services", "expense"],
  ["6520", "Laboratory materials", "expense"],
  ["6530", "Contractors", "expense"],
  ["6540", "Test equipment", "expense"],
  ["6800", "Bank charges", "expense"],
];

/** One side of a journal; `debit` and `credit` in cents, one of them 0. */
export interface Posting {
  readonly account: string;
  readonly department: string;
  readonly debit: number;
  readonly credit: number;
}

/** What happened on a day: balanced postings under one reference. */
export interface Journal {
  readonly day: number;
  readonly reference: string;
  readonly description: string;
  readonly counterparty: string;
  readonly iban: string;
  readonly postings: readonly Posting[];
}

const debit = (account: string, amount: number, department = "finance"): Posting => ({ account, department, debit: amount, credit: 0 });
const credit = (account: string, amount: number, department = "finance"): Posting => ({ account, department, debit: 0, credit: amount });
const numbered = (prefix: string, n: number): string => `${prefix}-2610-${String(n + 1).padStart(4, "0")}`;

const EXPENSES: readonly (readonly [account: string, department: string, description: string])[] = [
  ["6110", "engineering", "Glass blanks and lens mounts"],
  ["6110", "engineering", "Bearings, focus unit"],
  ["6120", "sales", "Freight to dealers"],
  ["6210", "finance", "Electricity, plant and office"],
  ["6220", "support", "Headsets and office supplies"],
  ["6310", "marketing", "Advertisement"],
  ["6510", "engineering", "Cloud services"],
  ["6520", "engineering", "Laboratory consumables"],
];

function salesJournals(dice: Dice, customers: readonly Firm[], count: number): Journal[] {
  return Array.from({ length: count }, (_, i) => {
    const customer = dice.pick(customers);
    const net = dice.int(12_000, 980_000);
    const tax = Math.round(net * 0.19);
    return {
      day: dice.int(1, 31),
      reference: numbered("SI", i),
      description: `Invoice to ${customer.name}, order by ${customer.contact} (${customer.email})`,
      counterparty: customer.name,
      iban: "",
      postings: [debit(RECEIVABLES, net + tax), credit(dice.pick(["4000", "4100"]), net, "sales"), credit("2300", tax)],
    };
  });
}

function receiptJournals(dice: Dice, customers: readonly Firm[], count: number): Journal[] {
  return Array.from({ length: count }, (_, i) => {
    const customer = dice.pick(customers);
    const amount = dice.int(14_000, 1_050_000);
    return {
      day: dice.int(1, 28),
      reference: numbered("RC", i),
      description: `Payment received from ${customer.contact}, ${customer.name}`,
      counterparty: customer.name,
      iban: customer.iban,
      postings: [debit(BANK, amount), credit(RECEIVABLES, amount)],
    };
  });
}

function purchaseJournals(dice: Dice, vendors: readonly Firm[], count: number): Journal[] {
  return Array.from({ length: count }, (_, i) => {
    const vendor = dice.pick(vendors);
    const [account, department, description] = dice.pick(EXPENSES);
    const net = dice.int(4_000, 420_000);
    const tax = Math.round(net * 0.19);
    return {
      day: dice.int(1, 31),
      reference: numbered("PI", i),
      description: `${description}, invoice of ${vendor.name}; questions to ${vendor.contact}, ${vendor.phone}`,
      counterparty: vendor.name,
      iban: "",
      postings: [debit(account, net, department), debit("1500", tax), credit(PAYABLES, net + tax)],
    };
  });
}

function paymentJournals(dice: Dice, vendors: readonly Firm[], count: number): Journal[] {
  return Array.from({ length: count }, (_, i) => {
    const vendor = dice.pick(vendors);
    const amount = dice.int(5_000, 460_000);
    return {
      day: dice.int(1, 28),
      reference: numbered("PY", i),
      description: `Transfer to ${vendor.name}`,
      counterparty: vendor.name,
      iban: vendor.iban,
      postings: [debit(PAYABLES, amount), credit(BANK, amount)],
    };
  });
}

function cardJournals(dice: Dice, employees: readonly Employee[], count: number): Journal[] {
  const cards = employees.slice(0, 8).map((employee) => ({ employee, card: createCard(dice) }));
  return Array.from({ length: count }, (_, i) => {
    const { employee, card } = dice.pick(cards);
    const amount = dice.int(900, 96_000);
    const place = dice.pick(["hotel, Lyon", "train to Gothenburg", "airline, Warsaw", "fuel", "dinner with a customer", "tools"]);
    return {
      day: dice.int(1, 28),
      reference: numbered("CD", i),
      description: `Card ${card} ${employee.name}: ${place}`,
      counterparty: employee.name,
      iban: "",
      postings: [debit("6230", amount, employee.department), credit(BANK, amount)],
    };
  });
}

/** Salaries that were paid in the period: by department, less wage tax. */
function payrollJournal(payroll: readonly PayrollRow[], period: string): Journal {
  const paid = payroll.filter((row) => row.period === period && row.grossPaidOn !== "");
  const departments = [...new Set(paid.map((row) => row.employee.department))];
  const lines = departments.map((name) =>
    debit(
      "6000",
      paid.filter((row) => row.employee.department === name).reduce((sum, row) => sum + row.gross, 0),
      name,
    ),
  );
  const gross = lines.reduce((sum, line) => sum + line.debit, 0);
  const tax = Math.round(gross * 0.34);
  return {
    day: 28,
    reference: "SAL-2610",
    description: `Salaries ${period}, ${paid.length} employees`,
    counterparty: "Employees",
    iban: "",
    postings: [...lines, credit("2210", tax), credit(BANK, gross - tax)],
  };
}

/** Balances carried forward to the first day of the period. */
const openingJournal = (): Journal => ({
  day: 1,
  reference: "OPENING",
  description: "Balances carried forward",
  counterparty: "",
  iban: "",
  postings: [debit(BANK, 48_213_764), debit(RECEIVABLES, 61_140_215), credit(PAYABLES, 23_885_130), credit("2900", 85_468_849)],
});

/** All true journals of the period, in order of their day; the opening balance is the first. */
export function createJournals(
  dice: Dice,
  people: { vendors: readonly Firm[]; customers: readonly Firm[]; employees: readonly Employee[]; payroll: readonly PayrollRow[] },
  period: string,
): Journal[] {
  const journals = [
    ...salesJournals(dice, people.customers, 240),
    ...receiptJournals(dice, people.customers, 180),
    ...purchaseJournals(dice, people.vendors, 150),
    ...paymentJournals(dice, people.vendors, 125),
    ...cardJournals(dice, people.employees, 78),
    payrollJournal(people.payroll, period),
  ];
  return [openingJournal(), ...journals.sort((a, b) => a.day - b.day || (a.reference < b.reference ? -1 : 1))];
}

/** `ledger.csv`. */
export function ledgerCsv(journals: readonly Journal[], period: string): string {
  const lines = journals.flatMap((journal, i) => journal.postings.map((posting) => ({ journal, posting, number: i + 1 })));
  return csvText(
    lines.map(({ journal, posting, number }, i) => ({
      id: `GL-${String(i + 1).padStart(5, "0")}`,
      journal: `J-${String(number).padStart(4, "0")}`,
      date: dayText(period, journal.day),
      account: posting.account,
      department: posting.department,
      description: journal.description,
      debit: moneyText(posting.debit),
      credit: moneyText(posting.credit),
      reference: journal.reference,
      counterparty: journal.counterparty,
      counterparty_iban: journal.iban,
    })),
  );
}

/** `accounts.csv`. */
export const accountsCsv = (): string => csvText(ACCOUNTS.map(([account, name, type]) => ({ account, name, type })));
