/** Makes the proposal of a close from the departments' results and the books, and what the approver gets to see. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import type { Books } from "./books.ts";
import type { ApprovalPayload, DepartmentAccruals, Difference, PayrollAccruals, Proposal } from "./close-records.ts";
import type { DepartmentResults } from "./department-results.ts";
import { createEntries } from "./journal-entries.ts";
import { centsOf, formatCents, sumCents } from "./money.ts";
import { type BankReconciliation, type FoundDifference, reconcileBank } from "./reconcile.ts";

const refuse = (message: string): never => {
  throw new GaggleError("INVALID_INPUT", message);
};

/** Every result must add up, name each source once and charge expense accounts only. */
function checkResult(result: DepartmentAccruals | PayrollAccruals, accountTypes: ReadonlyMap<string, string>): void {
  const { department } = result;
  const sum = formatCents(sumCents(result.accruals.map((line) => centsOf(line.amount))));
  if (sum !== result.total) {
    refuse(
      `The result of ${department} does not add up: its lines come to ${sum}, its total says ${result.total}. Ask ${department} again.`,
    );
  }
  const keys = result.accruals.map((line) => `${line.source}/${line.account}/${"department" in line ? line.department : ""}`);
  if (new Set(keys).size !== keys.length) refuse(`The result of ${department} has a source twice. Ask ${department} again.`);
  for (const { account, amount } of result.accruals) {
    if (centsOf(amount) <= 0) refuse(`The result of ${department} has an amount that is not above 0.00. Ask ${department} again.`);
    if (accountTypes.get(account) !== "expense") {
      refuse(
        `The result of ${department} charges an account that is no expense account of the chart of accounts. Ask ${department} again.`,
      );
    }
  }
}

/** A difference as the report shows it. */
export const shownDifference = (found: FoundDifference): Difference => ({
  kind: found.kind,
  reference: found.reference,
  date: found.date,
  ledgerAmount: found.ledgerCents === null ? null : formatCents(found.ledgerCents),
  statementAmount: found.statementCents === null ? null : formatCents(found.statementCents),
  adjusts: found.adjusts,
  adjustment: formatCents(found.adjustmentCents),
});

/** Only a bank account that is explained to the cent may be closed. */
function requireExplained(bank: BankReconciliation): void {
  const open = bank.differences.filter((found) => found.adjusts === "none").length;
  if (open === 0 && bank.adjustedBookCents === bank.adjustedStatementCents) return;
  throw new GaggleError(
    "STATE_CONFLICT",
    `The bank account is not reconciled: ${open} differences are unexplained. Look at reconcile_bank and clear them in the books first.`,
    { details: { unexplained: open } },
  );
}

/**
 * The proposal: the same inputs and books give the same proposal, so proposing again changes nothing.
 * @throws GaggleError INVALID_INPUT naming the department whose result is wrong; STATE_CONFLICT where the bank can't be reconciled
 */
export async function proposeClose(books: Books, results: DepartmentResults): Promise<Proposal> {
  const { period, payroll } = results;
  const [settings, accountTypes, ledger, statement] = await Promise.all([
    books.financeSettings(),
    books.accountTypes(),
    books.ledger(),
    books.statement(),
  ]);
  for (const result of [...results.accruals, payroll]) checkResult(result, accountTypes);
  const departments = results.accruals.map((result) => result.department);
  if (new Set(departments).size !== departments.length)
    refuse("A department's accruals are there twice. Pass one taskId for each department.");
  const bank = reconcileBank(ledger, statement, settings.bank_account, period);
  requireExplained(bank);
  const accruals = [...results.accruals].sort((a, b) => (a.department < b.department ? -1 : 1));
  return {
    organisation: settings.organisation,
    period,
    currency: settings.currency,
    accruals: accruals.flatMap(({ department, accruals: lines }) =>
      lines.map(({ account, amount, source }) => ({ department, account, amount, source })),
    ),
    payroll: {
      lines: payroll.accruals.map(({ department, account, amount, source }) => ({ department, account, amount, source })),
      total: payroll.total,
    },
    reconciliation: {
      matched: bank.matched,
      differences: bank.differences.map(shownDifference),
      bookBalance: formatCents(bank.bookCents),
      statementBalance: formatCents(bank.statementCents),
      adjustedBalance: formatCents(bank.adjustedBookCents),
    },
    entries: createEntries({ period, settings, ledger, accruals, payroll, differences: bank.differences }),
  };
}

/** What the approver sees: the hash that names the proposal, and its main figures. */
export function approvalPayloadOf(proposal: Proposal): ApprovalPayload {
  const departments = [...new Set(proposal.accruals.map((line) => line.department))];
  const totalOf = (department: string): string =>
    formatCents(sumCents(proposal.accruals.filter((line) => line.department === department).map((line) => centsOf(line.amount))));
  const { matched, differences, adjustedBalance } = proposal.reconciliation;
  return {
    kind: "month-end-close",
    organisation: proposal.organisation,
    period: proposal.period,
    currency: proposal.currency,
    proposalHash: canonicalHash(proposal),
    entries: proposal.entries.length,
    accruals: departments.map((department) => ({ department, total: totalOf(department) })),
    payrollTotal: proposal.payroll.total,
    reconciliation: { matched, differences: differences.length, adjustedBalance },
  };
}
