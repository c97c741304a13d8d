/** Journal entries of a close: accruals, payroll, and what the reconciliation found wrong in the books. Each balances. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { FinanceSettings, LedgerLine } from "./books.ts";
import type { DepartmentAccruals, EntryLine, JournalEntry, PayrollAccruals } from "./close-records.ts";
import { centsOf, formatCents, sumCents } from "./money.ts";
import type { FoundDifference } from "./reconcile.ts";

interface Side {
  readonly account: string;
  readonly department: string;
  /** Positive: debit; negative: credit. */
  readonly cents: number;
}

const lineOf = ({ account, department, cents }: Side): EntryLine => ({
  account,
  department,
  debit: formatCents(Math.max(0, cents)),
  credit: formatCents(Math.max(0, -cents)),
});

/** Adds up the sides of the same account and department; leaves out what comes to nothing. Debits first, then by account. */
function collect(sides: readonly Side[]): Side[] {
  const sums = new Map<string, Side>();
  for (const side of sides) {
    const key = `${side.account}/${side.department}`;
    sums.set(key, { ...side, cents: side.cents + (sums.get(key)?.cents ?? 0) });
  }
  const order = (side: Side): string => `${side.cents > 0 ? 0 : 1}/${side.account}/${side.department}`;
  return [...sums.values()].filter((side) => side.cents !== 0).sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

interface Draft {
  readonly description: string;
  readonly sides: readonly Side[];
}

function accrualDraft(result: DepartmentAccruals, settings: FinanceSettings): Draft {
  const { department, period } = result;
  const sides = result.accruals.map(({ account, amount }) => ({ account, department, cents: centsOf(amount) }));
  const owed = { account: settings.accrued_liabilities_account, department, cents: -centsOf(result.total) };
  return { description: `Accruals of ${department} for ${period}`, sides: [...sides, owed] };
}

function payrollDraft(result: PayrollAccruals, settings: FinanceSettings): Draft {
  const sides = result.accruals.map(({ account, department, amount }) => ({ account, department, cents: centsOf(amount) }));
  const owed = { account: settings.payroll_liabilities_account, department: result.department, cents: -centsOf(result.total) };
  return { description: `Payroll accrual for ${result.period}`, sides: [...sides, owed] };
}

const CORRECTIONS: Partial<Record<FoundDifference["kind"], string>> = {
  bank_fee: "Bank fee",
  duplicate: "Takes back a second recording of",
  transposed_digits: "Corrects transposed digits of",
  missing_in_ledger: "Bank item that the books miss:",
};

/** The account on the other side of the bank line's journal; the clearing account where there isn't exactly one. */
function counterAccount(found: FoundDifference, ledger: readonly LedgerLine[], settings: FinanceSettings): string {
  if (found.kind === "bank_fee") return settings.bank_charges_account;
  const others = new Set(
    ledger.filter((line) => line.journal === found.journal && line.account !== settings.bank_account).map((line) => line.account),
  );
  const [only] = others;
  return only !== undefined && others.size === 1 ? only : settings.bank_clearing_account;
}

function correctionDraft(found: FoundDifference, ledger: readonly LedgerLine[], settings: FinanceSettings): Draft {
  const department = "finance";
  const { adjustmentCents: cents } = found;
  return {
    description: `${CORRECTIONS[found.kind] ?? "Corrects"} ${found.reference}`,
    sides: [
      { account: settings.bank_account, department, cents },
      { account: counterAccount(found, ledger, settings), department, cents: -cents },
    ],
  };
}

/** What entries are made of. */
export interface EntrySources {
  readonly period: string;
  readonly settings: FinanceSettings;
  readonly ledger: readonly LedgerLine[];
  readonly accruals: readonly DepartmentAccruals[];
  readonly payroll: PayrollAccruals;
  readonly differences: readonly FoundDifference[];
}

/**
 * The entries in order: accruals by department, payroll, corrections by date. Empty ones are left out.
 * @throws GaggleError INTERNAL where an entry would not balance
 */
export function createEntries(sources: EntrySources): JournalEntry[] {
  const { period, settings, ledger } = sources;
  const byDepartment = [...sources.accruals].sort((a, b) => (a.department < b.department ? -1 : 1));
  const drafts = [
    ...byDepartment.map((result) => accrualDraft(result, settings)),
    payrollDraft(sources.payroll, settings),
    ...sources.differences.filter((found) => found.adjusts === "ledger").map((found) => correctionDraft(found, ledger, settings)),
  ];
  const kept = drafts.map(({ description, sides }) => ({ description, sides: collect(sides) })).filter(({ sides }) => sides.length > 0);
  return kept.map(({ description, sides }, i) => {
    const id = `${period}-${String(i + 1).padStart(2, "0")}`;
    if (sumCents(sides.map((side) => side.cents)) !== 0)
      throw new GaggleError("INTERNAL", `Entry ${id} would not balance. Report this bug.`);
    return { id, description, lines: sides.map(lineOf) };
  });
}
