/**
 * Writes the sample company's books: `node profiles/sample/data/generate.ts`.
 * Everybody and everything in them is made up. The seed is fixed, so the files are the same on every machine.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { orgChart } from "../../../mesh/contract/bundle.ts";
import { createBankSide } from "./bank-statement.ts";
import { csvText } from "./csv-text.ts";
import { createDice } from "./dice.ts";
import { accountsCsv, createJournals, ledgerCsv } from "./general-ledger.ts";
import { type Country, createIban } from "./identifiers.ts";
import { createEmployees, createPayroll, employeesCsv, payrollCsv, type Staff } from "./payroll.ts";
import { createFirms } from "./people.ts";
import { purchaseOrdersCsv } from "./purchase-orders.ts";

const SEED = 20_261_031;
const [PREVIOUS, PERIOD, NEXT] = ["2026-09", "2026-10", "2026-11"] as const;
const organisation = z.object({ name: z.string(), orgChart });

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** People of the org chart as staff: the name from the login, the country from the locale. */
function chartStaff(chart: z.infer<typeof orgChart>): Staff[] {
  return chart.map(({ id, locale, department }) => {
    const [first = "", last = ""] = id.split(".");
    return { name: { first: capital(first), last: capital(last), country: locale.slice(-2) as Country }, department };
  });
}

const settingsCsv = (settings: Readonly<Record<string, string>>): string =>
  csvText(Object.entries(settings).map(([setting, value]) => ({ setting, value })));

/** Every file of the sample's books: path relative to this folder, and text. */
export function generateBooks(): Map<string, string> {
  const { name, orgChart: chart } = organisation.parse(parse(readFileSync(new URL("../organisation.yaml", import.meta.url), "utf8")));
  const dice = createDice(SEED);
  const staff = chartStaff(chart);
  const taken = new Set(staff.map((person) => `${person.name.first} ${person.name.last}`));
  const firms = createFirms(dice, 34, taken);
  const vendors = firms.slice(0, 18);
  const customers = firms.slice(18);
  const employees = createEmployees(dice, staff, taken, PERIOD);
  const payroll = createPayroll(dice, employees, PERIOD, PREVIOUS);
  const journals = createJournals(dice, { vendors, customers, employees, payroll }, PERIOD);
  const { books, statement } = createBankSide(dice, journals, customers, taken, PERIOD);
  const settings = {
    organisation: name,
    currency: "EUR",
    bank_name: "Hanseatic Commerce Bank",
    bank_iban: createIban(dice, "DE"),
    bank_account: "1200",
    bank_clearing_account: "1290",
    bank_charges_account: "6800",
    accrued_liabilities_account: "2150",
    payroll_liabilities_account: "2200",
  };
  const payrollSettings = { currency: "EUR", salaries_account: "6000", social_contributions_account: "6010", bonuses_account: "6020" };
  return new Map([
    ["finance/settings.csv", settingsCsv(settings)],
    ["finance/accounts.csv", accountsCsv()],
    ["finance/ledger.csv", ledgerCsv(books, PERIOD)],
    ["finance/bank-statement.csv", statement],
    ["marketing/purchase-orders.csv", purchaseOrdersCsv(dice, "marketing", vendors, PERIOD, NEXT)],
    ["engineering/purchase-orders.csv", purchaseOrdersCsv(dice, "engineering", vendors, PERIOD, NEXT)],
    ["hr/settings.csv", settingsCsv(payrollSettings)],
    ["hr/employees.csv", employeesCsv(employees)],
    ["hr/payroll.csv", payrollCsv(payroll)],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of generateBooks()) {
    const file = join(import.meta.dirname, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`${path}: ${text.split("\n").length - 2} rows\n`);
  }
}
