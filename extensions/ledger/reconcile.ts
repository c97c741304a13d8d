/** Reconciles the ledger's bank account with the bank statement: pairs what agrees, explains what doesn't. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { LedgerLine, StatementLine } from "./books.ts";
import type { Difference } from "./close-records.ts";
import { sumCents } from "./money.ts";
import { daysBetween, lastDayOf } from "./period.ts";

/** What the books recorded this many days before the end of the period may still be under way at the bank. */
const UNDER_WAY_DAYS = 5;

/** A difference with amounts in cents, and what an entry for it needs. */
export interface FoundDifference {
  readonly kind: Difference["kind"];
  readonly reference: string;
  readonly date: string;
  readonly ledgerCents: number | null;
  readonly statementCents: number | null;
  readonly adjusts: Difference["adjusts"];
  readonly adjustmentCents: number;
  readonly counterparty: string;
  /** Journal of the ledger line, where there is one: the entry that mends it uses the journal's other account. */
  readonly journal: string | null;
}

/** Result of a reconciliation in cents. The two adjusted balances agree where every difference is explained. */
export interface BankReconciliation {
  readonly matched: number;
  readonly differences: readonly FoundDifference[];
  readonly bookCents: number;
  readonly statementCents: number;
  readonly adjustedBookCents: number;
  readonly adjustedStatementCents: number;
}

interface BookItem {
  readonly line: LedgerLine;
  readonly cents: number;
}

/** True where `a` becomes `b` when two neighbouring digits change places. */
export function isTransposed(a: number, b: number): boolean {
  const [left, right] = [String(Math.abs(a)), String(Math.abs(b))];
  if (left.length !== right.length || Math.sign(a) !== Math.sign(b) || left === right) return false;
  const at = [...left].findIndex((digit, i) => digit !== right[i]);
  return left.slice(0, at) + left.charAt(at + 1) + left.charAt(at) + left.slice(at + 2) === right;
}

/** Checks that the statement is whole: each balance is the one before plus the amount. Returns the last. */
function closingBalance(statement: readonly StatementLine[]): number {
  const broken = statement.findIndex((line, i) => line.balance !== (statement[i - 1]?.balance ?? 0) + line.amount);
  if (broken >= 0) {
    throw new GaggleError(
      "INVALID_INPUT",
      `The balance of row ${broken + 1} of bank-statement.csv is not the one before plus the amount. Get the statement again.`,
      {
        details: { row: broken + 1 },
      },
    );
  }
  return statement.at(-1)?.balance ?? 0;
}

/** Takes out of `pool` the first item that fits. */
function take<T>(pool: T[], fits: (item: T) => boolean): T | undefined {
  const at = pool.findIndex(fits);
  return at < 0 ? undefined : pool.splice(at, 1)[0];
}

const bookDifference = (item: BookItem, lastDay: string, isRepeat: boolean): FoundDifference => {
  const { line, cents } = item;
  const common = {
    reference: line.reference,
    date: line.date,
    ledgerCents: cents,
    statementCents: null,
    counterparty: line.counterparty,
    journal: line.journal,
  };
  if (isRepeat) return { ...common, kind: "duplicate", adjusts: "ledger", adjustmentCents: -cents };
  if (daysBetween(line.date, lastDay) < UNDER_WAY_DAYS) return { ...common, kind: "timing", adjusts: "statement", adjustmentCents: cents };
  return { ...common, kind: "missing_on_statement", adjusts: "none", adjustmentCents: 0 };
};

const statementDifference = (line: StatementLine, isRepeat: boolean): FoundDifference => {
  const common = {
    reference: line.reference,
    date: line.booked_on,
    ledgerCents: null,
    statementCents: line.amount,
    counterparty: line.counterparty,
    journal: null,
  };
  if (isRepeat) return { ...common, kind: "duplicate_on_statement", adjusts: "statement", adjustmentCents: -line.amount };
  return { ...common, kind: line.type === "FEE" ? "bank_fee" : "missing_in_ledger", adjusts: "ledger", adjustmentCents: line.amount };
};

const amountDifference = (item: BookItem, line: StatementLine): FoundDifference => {
  const swapped = isTransposed(item.cents, line.amount);
  return {
    kind: swapped ? "transposed_digits" : "amount_mismatch",
    reference: line.reference,
    date: item.line.date,
    ledgerCents: item.cents,
    statementCents: line.amount,
    adjusts: swapped ? "ledger" : "none",
    adjustmentCents: swapped ? line.amount - item.cents : 0,
    counterparty: item.line.counterparty,
    journal: item.line.journal,
  };
};

/**
 * Reconciles a period. Lines pair by reference and amount; the opening balance is on both sides and not counted.
 * @param ledger all lines of the general ledger
 * @param bankAccount the ledger's account of the bank
 * @throws GaggleError NOT_FOUND where the statement has nothing for the period; INVALID_INPUT where it is not whole
 */
export function reconcileBank(
  ledger: readonly LedgerLine[],
  statement: readonly StatementLine[],
  bankAccount: string,
  period: string,
): BankReconciliation {
  const lastDay = lastDayOf(period);
  const booked = statement.filter((line) => line.booked_on <= lastDay);
  if (!booked.some((line) => line.booked_on.startsWith(period))) {
    throw new GaggleError("NOT_FOUND", `bank-statement.csv has no movements in ${period}. Get that month's statement from the bank.`);
  }
  const items = ledger
    .filter((line) => line.account === bankAccount && line.date <= lastDay)
    .map((line): BookItem => ({ line, cents: line.debit - line.credit }));

  const openStatement = [...booked];
  const pairKeys = new Set<string>();
  const keyOf = (reference: string, cents: number): string => `${cents} ${reference}`;
  let matched = 0;
  const openItems = items.filter((item) => {
    const pair = take(openStatement, (line) => line.reference === item.line.reference && line.amount === item.cents);
    if (pair === undefined) return true;
    pairKeys.add(keyOf(pair.reference, pair.amount));
    if (pair.type !== "OPENING") matched += 1;
    return false;
  });

  const isRepeat = (reference: string, cents: number): boolean => reference !== "" && pairKeys.has(keyOf(reference, cents));
  const fromBook = openItems.map((item) => {
    const { reference } = item.line;
    const repeat = isRepeat(reference, item.cents);
    const other = repeat || reference === "" ? undefined : take(openStatement, (line) => line.reference === reference);
    return other === undefined ? bookDifference(item, lastDay, repeat) : amountDifference(item, other);
  });
  const fromBank = openStatement.map((line) => statementDifference(line, isRepeat(line.reference, line.amount)));
  const differences = [...fromBook, ...fromBank].sort((a, b) => compare(a.date, b.date) || compare(a.reference, b.reference));

  const bookCents = sumCents(items.map((item) => item.cents));
  const statementCents = closingBalance(booked);
  const adjust = (side: Difference["adjusts"]): number =>
    sumCents(differences.filter((d) => d.adjusts === side).map((d) => d.adjustmentCents));
  return {
    matched,
    differences,
    bookCents,
    statementCents,
    adjustedBookCents: bookCents + adjust("ledger"),
    adjustedStatementCents: statementCents + adjust("statement"),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
