/** The payroll accrual: pay, contributions and bonuses of a period that are owed at its end. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Employee, PayrollRow, PayrollSettings } from "./books.ts";
import type { PayrollAccruals } from "./close-records.ts";
import { formatCents, sumCents } from "./money.ts";
import { lastDayOf } from "./period.ts";

/** Payroll rows of a period, each with its employee. */
export function payrollOf(
  employees: readonly Employee[],
  payroll: readonly PayrollRow[],
  period: string,
): { employee: Employee; row: PayrollRow }[] {
  const byId = new Map(employees.map((employee) => [employee.employee_id, employee]));
  const rows = payroll.filter((row) => row.period === period);
  if (rows.length === 0) throw new GaggleError("NOT_FOUND", `payroll.csv has no rows for ${period}. Run the payroll of that month first.`);
  const seen = new Set<string>();
  return rows.map((row) => {
    const employee = byId.get(row.employee_id);
    if (employee === undefined || seen.has(row.employee_id)) {
      const problem = employee === undefined ? "names an employee that employees.csv doesn't have" : "has an employee twice in a period";
      throw new GaggleError("INVALID_INPUT", `payroll.csv ${problem}. Mend the file.`);
    }
    seen.add(row.employee_id);
    return { employee, row };
  });
}

/** What is owed at the end of the period, by department and account, in order of department and account. */
export function payrollAccrualsOf(
  employees: readonly Employee[],
  payroll: readonly PayrollRow[],
  settings: PayrollSettings,
  period: string,
): PayrollAccruals {
  const lastDay = lastDayOf(period);
  const owed = (paidOn: string | null, cents: number): number => (paidOn !== null && paidOn <= lastDay ? 0 : cents);
  const rows = payrollOf(employees, payroll, period);
  const parts = [
    { account: settings.salaries_account, cents: (row: PayrollRow) => owed(row.gross_paid_on, row.gross) },
    {
      account: settings.social_contributions_account,
      cents: (row: PayrollRow) => owed(row.contributions_paid_on, row.employer_contributions),
    },
    { account: settings.bonuses_account, cents: (row: PayrollRow) => row.bonus_accrued },
  ];
  const departments = [...new Set(rows.map(({ employee }) => employee.department))].sort();
  const lines = departments.flatMap((department) => {
    const own = rows.filter(({ employee }) => employee.department === department);
    return parts.map(({ account, cents }) => ({ department, account, cents: sumCents(own.map(({ row }) => cents(row))) }));
  });
  const accruals = lines.filter(({ cents }) => cents !== 0);
  return {
    department: "hr",
    period,
    accruals: accruals.map(({ department, account, cents }) => ({
      department,
      account,
      amount: formatCents(cents),
      source: `payroll ${period}`,
    })),
    total: formatCents(sumCents(accruals.map(({ cents }) => cents))),
  };
}
