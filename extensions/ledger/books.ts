/** A department's books: a folder of CSV files. Amounts become whole cents here. */
import { z } from "zod";
import { slug } from "../../mesh/contract/ids.ts";
import { parseAs } from "../../mesh/contract/json.ts";
import { readTable } from "./csv-table.ts";
import { centsOf, moneyText } from "./money.ts";
import { dayText, periodText } from "./period.ts";

const cents = moneyText.transform(centsOf);
const day = dayText;
const maybeDay = z.union([z.literal("").transform(() => null), dayText]);

const settingRow = z.object({ setting: z.string(), value: z.string() });
const accountRow = z.object({
  account: z.string().min(1),
  name: z.string(),
  type: z.enum(["asset", "liability", "equity", "revenue", "expense"]),
});

const ledgerRow = z.object({
  id: z.string().min(1),
  journal: z.string().min(1),
  date: day,
  account: z.string().min(1),
  department: slug,
  debit: cents,
  credit: cents,
  reference: z.string(),
  counterparty: z.string(),
});
/** One line of the general ledger; `debit` and `credit` in cents. */
export type LedgerLine = z.output<typeof ledgerRow>;

const statementRow = z.object({
  id: z.string().min(1),
  booked_on: day,
  type: z.enum(["OPENING", "TRANSFER", "CARD", "DIRECT-DEBIT", "FEE"]),
  reference: z.string(),
  counterparty: z.string(),
  amount: cents,
  balance: cents,
});
/** One movement on the bank account, in cents, negative where money left; `balance` is the account's after it. */
export type StatementLine = z.output<typeof statementRow>;

const purchaseOrderRow = z.object({
  po: z.string().min(1),
  department: slug,
  vendor: z.string(),
  contact_name: z.string(),
  contact_email: z.string(),
  contact_phone: z.string(),
  vendor_iban: z.string(),
  description: z.string(),
  account: z.string().min(1),
  currency: z.string().length(3),
  ordered: cents,
  received: cents,
  received_on: maybeDay,
  invoiced: cents,
  invoiced_on: maybeDay,
  status: z.enum(["open", "closed", "cancelled"]),
});
/** One purchase order; amounts in cents. */
export type PurchaseOrder = z.output<typeof purchaseOrderRow>;

const employeeRow = z.object({
  employee_id: z.string().min(1),
  name: z.string(),
  email: z.string(),
  iban: z.string(),
  national_id: z.string(),
  department: slug,
  monthly_salary: cents,
});
/** One employee; `monthly_salary` in cents. */
export type Employee = z.output<typeof employeeRow>;

const payrollRow = z.object({
  employee_id: z.string().min(1),
  period: periodText,
  gross: cents,
  gross_paid_on: maybeDay,
  employer_contributions: cents,
  contributions_paid_on: maybeDay,
  bonus_accrued: cents,
});
/** One employee's pay of one month; amounts in cents, days null where not paid. */
export type PayrollRow = z.output<typeof payrollRow>;

const financeSettings = z.object({
  organisation: z.string().min(1),
  currency: z.string().length(3),
  bank_account: z.string().min(1),
  bank_clearing_account: z.string().min(1),
  bank_charges_account: z.string().min(1),
  accrued_liabilities_account: z.string().min(1),
  payroll_liabilities_account: z.string().min(1),
});
/** Finance's settings: whose books these are, and which account is for what. */
export type FinanceSettings = z.output<typeof financeSettings>;

const payrollSettings = z.object({
  currency: z.string().length(3),
  salaries_account: z.string().min(1),
  social_contributions_account: z.string().min(1),
  bonuses_account: z.string().min(1),
});
/** HR's settings: which account takes which part of the payroll. */
export type PayrollSettings = z.output<typeof payrollSettings>;

/** The files of a department's books. Which exist depends on the department. */
export interface Books {
  readonly dir: string;
  financeSettings(): Promise<FinanceSettings>;
  payrollSettings(): Promise<PayrollSettings>;
  /** Type of each account in the chart of accounts. */
  accountTypes(): Promise<ReadonlyMap<string, string>>;
  ledger(): Promise<LedgerLine[]>;
  statement(): Promise<StatementLine[]>;
  purchaseOrders(): Promise<PurchaseOrder[]>;
  employees(): Promise<Employee[]>;
  payroll(): Promise<PayrollRow[]>;
}

/** Opens the books in a folder. Each method reads and checks one file, and throws as `readTable` does. */
export function openBooks(dir: string): Books {
  const settings = async <T>(schema: z.ZodType<T>): Promise<T> => {
    const rows = await readTable(dir, "settings.csv", settingRow);
    return parseAs(schema, Object.fromEntries(rows.map((row) => [row.setting, row.value])), "settings.csv of the books");
  };
  return {
    dir,
    financeSettings: () => settings(financeSettings),
    payrollSettings: () => settings(payrollSettings),
    accountTypes: async () => new Map((await readTable(dir, "accounts.csv", accountRow)).map((row) => [row.account, row.type])),
    ledger: () => readTable(dir, "ledger.csv", ledgerRow),
    statement: () => readTable(dir, "bank-statement.csv", statementRow),
    purchaseOrders: () => readTable(dir, "purchase-orders.csv", purchaseOrderRow),
    employees: () => readTable(dir, "employees.csv", employeeRow),
    payroll: () => readTable(dir, "payroll.csv", payrollRow),
  };
}
