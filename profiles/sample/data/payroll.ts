/** Employees and their payroll of the period and the one before. */
import { csvText, dayText, moneyText } from "./csv-text.ts";
import type { Dice } from "./dice.ts";
import { type Country, createIban, createNationalId, createPhone } from "./identifiers.ts";
import { asciiSlug, createName } from "./people.ts";

/** One employee; `salaryCents` a month, `socialRate` in hundredths of a percent. */
export interface Employee {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly iban: string;
  readonly nationalId: string;
  readonly birthDate: string;
  readonly department: string;
  readonly hiredOn: string;
  readonly salaryCents: number;
  readonly socialRate: number;
}

/** A person of the org chart, as far as payroll needs it. */
export interface Staff {
  readonly name: { readonly first: string; readonly last: string; readonly country: Country };
  readonly department: string;
}

const SOCIAL_RATE: Record<Country, number> = { DE: 2_085, ES: 3_057, FR: 4_200, SE: 3_142, NL: 1_890, PL: 2_048, GB: 1_500, US: 765 };
const SALARY: Record<string, readonly [number, number]> = {
  executive: [11_500, 16_800],
  legal: [6_400, 9_200],
  engineering: [4_300, 7_900],
};
const MORE_STAFF = [
  "engineering",
  "engineering",
  "engineering",
  "engineering",
  "engineering",
  "engineering",
  "engineering",
  "sales",
  "sales",
  "sales",
  "sales",
  "support",
  "support",
  "support",
  "support",
  "support",
  "marketing",
  "marketing",
  "marketing",
  "finance",
  "finance",
  "hr",
  "legal",
  "executive",
]; // with the chart's people: 40

/** The employees: everybody of the org chart, then more, 40 together. */
export function createEmployees(dice: Dice, chart: readonly Staff[], taken: Set<string>, period: string): Employee[] {
  const staff = [...chart, ...MORE_STAFF.map((department) => ({ name: createName(dice, taken), department }))];
  return staff.map(({ name, department }, i) => {
    const birthDate = `${dice.int(1962, 2002)}-${String(dice.int(1, 12)).padStart(2, "0")}-${String(dice.int(1, 28)).padStart(2, "0")}`;
    const [low, high] = SALARY[department] ?? [2_900, 6_100];
    return {
      id: `E-${1_001 + i}`,
      name: `${name.first} ${name.last}`,
      email: `${asciiSlug(name.first, "")}.${asciiSlug(name.last, "")}@northwind-optics.example`,
      phone: createPhone(dice, name.country),
      iban: createIban(dice, name.country),
      nationalId: createNationalId(dice, name.country, birthDate),
      birthDate,
      department,
      hiredOn: i === chart.length + 3 ? dayText(period, 15) : `${dice.int(2014, 2025)}-${String(dice.int(1, 12)).padStart(2, "0")}-01`,
      salaryCents: dice.int(low, high) * 100 + dice.pick([0, 0, 50, 25]),
      socialRate: SOCIAL_RATE[name.country],
    };
  });
}

/** `employees.csv`. */
export const employeesCsv = (employees: readonly Employee[]): string =>
  csvText(
    employees.map((employee) => ({
      employee_id: employee.id,
      name: employee.name,
      email: employee.email,
      phone: employee.phone,
      iban: employee.iban,
      national_id: employee.nationalId,
      birth_date: employee.birthDate,
      department: employee.department,
      hired_on: employee.hiredOn,
      monthly_salary: moneyText(employee.salaryCents),
      employer_social_rate: moneyText(employee.socialRate),
    })),
  );

/** One row of the payroll; amounts in cents. */
export interface PayrollRow {
  readonly employee: Employee;
  readonly period: string;
  readonly gross: number;
  readonly contributions: number;
  readonly bonus: number;
  readonly grossPaidOn: string;
  readonly contributionsPaidOn: string;
}

/** The payroll of the period (contributions still owed, some salaries and bonuses too) and of the one before (all paid). */
export function createPayroll(dice: Dice, employees: readonly Employee[], period: string, previous: string): PayrollRow[] {
  return [previous, period].flatMap((month) =>
    employees.flatMap((employee) => {
      const current = month === period;
      const starts = employee.hiredOn.startsWith(period);
      if (starts && !current) return [];
      const gross = starts ? Math.round((employee.salaryCents * 17) / 31) : employee.salaryCents;
      const bonus = current && (employee.department === "sales" || dice.chance(18)) ? dice.int(150, 2_400) * 100 : 0;
      const unpaid = current && (starts || dice.chance(9));
      return [
        {
          employee,
          period: month,
          gross,
          contributions: Math.round((gross * employee.socialRate) / 10_000),
          bonus,
          grossPaidOn: unpaid ? "" : dayText(month, 28),
          contributionsPaidOn: current ? "" : dayText(period, 12),
        },
      ];
    }),
  );
}

/** `payroll.csv`. */
export const payrollCsv = (rows: readonly PayrollRow[]): string =>
  csvText(
    rows.map((row) => ({
      employee_id: row.employee.id,
      period: row.period,
      currency: "EUR",
      gross: moneyText(row.gross),
      gross_paid_on: row.grossPaidOn,
      employer_contributions: moneyText(row.contributions),
      contributions_paid_on: row.contributionsPaidOn,
      bonus_accrued: moneyText(row.bonus),
    })),
  );
