/**
 * Recomputes a month-end close from the CSV files and compares it with a report:
 * `node test/support/recompute-close.ts <input dir> <report.json>` prints what differs; exit code 0 only where nothing does.
 * It shares no code with what it checks: own CSV reading, own arithmetic (BigInt cents), own canonical JSON, and other ways to find
 * differences: sums by reference instead of pairing lines one by one.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

type Row = Readonly<Record<string, string>>;
type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** RFC 4180 with quotes and LF or CRLF ends, character by character. */
function readCsv(path: string): Row[] {
  const text = readFileSync(path, "utf8");
  const records: string[][] = [[]];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (quoted && char === '"' && text.charAt(i + 1) === '"') {
      field += '"';
      i += 1;
    } else if (char === '"') quoted = !quoted;
    else if (!quoted && (char === "," || char === "\n")) {
      records.at(-1)?.push(field);
      field = "";
      if (char === "\n") records.push([]);
    } else if (quoted || char !== "\r") field += char;
  }
  const [header = [], ...rest] = records.filter((record) => record.length > 0);
  return rest.map((record) => Object.fromEntries(header.map((column, i) => [column, record[i] ?? ""])));
}

const cents = (text: string | undefined): bigint => BigInt((text ?? "0.00").replace(".", ""));
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
const decimal = (amount: bigint): string => {
  const sign = amount < 0n ? "-" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};
const at = (row: Row, column: string): string => row[column] ?? "";
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Keys sorted by UTF-16 code units, as RFC 8785 wants; the values here are texts and whole numbers alone. */
function canonical(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => byText(a, b));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(",")}}`;
}
const hashOf = (value: Plain): string => createHash("sha256").update(canonical(value)).digest("hex");

interface Accrual {
  readonly department: string;
  readonly account: string;
  readonly amount: string;
  readonly source: string;
}

function recomputeAccruals(input: string, end: string): Accrual[] {
  return ["engineering", "marketing"].flatMap((department) =>
    readCsv(join(input, department, "purchase-orders.csv")).flatMap((order) => {
      const received = at(order, "received_on") !== "" && at(order, "received_on") <= end ? cents(order["received"]) : 0n;
      const invoiced = at(order, "invoiced_on") !== "" && at(order, "invoiced_on") <= end ? cents(order["invoiced"]) : 0n;
      if (at(order, "status") === "cancelled" || received <= invoiced) return [];
      return [{ department, account: at(order, "account"), amount: decimal(received - invoiced), source: at(order, "po") }];
    }),
  );
}

function recomputePayroll(input: string, period: string, end: string): { lines: Accrual[]; total: string } {
  const settings = settingsOf(input, "hr");
  const departments = new Map(readCsv(join(input, "hr", "employees.csv")).map((row) => [at(row, "employee_id"), at(row, "department")]));
  const totals = new Map<string, bigint>();
  const add = (department: string, account: string, amount: bigint): void => {
    const key = `${department} ${account}`;
    totals.set(key, (totals.get(key) ?? 0n) + amount);
  };
  const unpaid = (day: string): boolean => day === "" || day > end;
  for (const row of readCsv(join(input, "hr", "payroll.csv")).filter((pay) => pay["period"] === period)) {
    const department = departments.get(at(row, "employee_id")) ?? "unknown";
    if (unpaid(at(row, "gross_paid_on"))) add(department, at(settings, "salaries_account"), cents(row["gross"]));
    if (unpaid(at(row, "contributions_paid_on")))
      add(department, at(settings, "social_contributions_account"), cents(row["employer_contributions"]));
    add(department, at(settings, "bonuses_account"), cents(row["bonus_accrued"]));
  }
  const lines = [...totals].filter(([, amount]) => amount !== 0n).sort(([a], [b]) => byText(a, b));
  return {
    lines: lines.map(([key, amount]) => {
      const [department = "", account = ""] = key.split(" ");
      return { department, account, amount: decimal(amount), source: `payroll ${period}` };
    }),
    total: decimal(sum(lines.map(([, amount]) => amount))),
  };
}

const settingsOf = (input: string, department: string): Row =>
  Object.fromEntries(readCsv(join(input, department, "settings.csv")).map((row) => [at(row, "setting"), at(row, "value")]));

interface Found {
  readonly kind: string;
  readonly reference: string;
  readonly date: string;
  readonly ledgerAmount: string | null;
  readonly statementAmount: string | null;
  readonly adjusts: string;
  readonly adjustment: string;
}

/** True where the texts of two numbers differ in exactly two neighbouring digits that changed places. */
function swapsNeighbours(a: bigint, b: bigint): boolean {
  const [left, right] = [[...a.toString()], [...b.toString()]];
  if (left.length !== right.length) return false;
  const apart = left.flatMap((digit, i) => (digit === right[i] ? [] : [i]));
  const [i = 0, j = 0] = apart;
  return apart.length === 2 && j === i + 1 && left[i] === right[j] && left[j] === right[i];
}

/** What one reference comes to on both sides: the sample books use a reference for one payment. */
function explain(reference: string, books: readonly Row[], bank: readonly Row[], end: string): Found[] {
  const amountOf = (row: Row): bigint => cents(row["debit"]) - cents(row["credit"]);
  const inBooks = books.map(amountOf);
  const inBank = bank.map((row) => cents(row["amount"]));
  const first = books[0] ?? bank[0] ?? {};
  const date = at(first, "date") || at(first, "booked_on");
  const [own, theirs] = [inBooks[0], inBank[0]];
  const found = (kind: string, adjusts: string, adjustment: bigint, ledger?: bigint, statement?: bigint, on = date): Found[] => [
    {
      kind,
      reference,
      date: on,
      ledgerAmount: ledger === undefined ? null : decimal(ledger),
      statementAmount: statement === undefined ? null : decimal(statement),
      adjusts,
      adjustment: decimal(adjustment),
    },
  ];
  if (own === undefined && theirs !== undefined) {
    return found(at(first, "type") === "FEE" ? "bank_fee" : "missing_in_ledger", "ledger", theirs, undefined, theirs);
  }
  if (own === undefined) return [];
  if (theirs === undefined) {
    const late = Number(end.slice(8)) - Number(date.slice(8)) < 5 && date.slice(0, 7) === end.slice(0, 7);
    return late ? found("timing", "statement", own, own) : found("missing_on_statement", "none", 0n, own);
  }
  if (inBooks.length === 2 && inBank.length === 1 && own === theirs)
    return found("duplicate", "ledger", -own, own, undefined, at(books[1] ?? {}, "date"));
  if (inBooks.length === 1 && inBank.length === 2 && own === theirs) {
    return found("duplicate_on_statement", "statement", -own, undefined, own, at(bank[1] ?? {}, "booked_on"));
  }
  if (own === theirs) return [];
  return swapsNeighbours(own, theirs)
    ? found("transposed_digits", "ledger", theirs - own, own, theirs)
    : found("amount_mismatch", "none", 0n, own, theirs);
}

function recomputeReconciliation(input: string, end: string) {
  const bankAccount = at(settingsOf(input, "finance"), "bank_account");
  const books = readCsv(join(input, "finance", "ledger.csv")).filter((row) => row["account"] === bankAccount && at(row, "date") <= end);
  const bank = readCsv(join(input, "finance", "bank-statement.csv")).filter((row) => at(row, "booked_on") <= end);
  const ours = Map.groupBy(books, (row) => at(row, "reference"));
  const theirs = Map.groupBy(bank, (row) => at(row, "reference"));
  const differences = [...new Set([...ours.keys(), ...theirs.keys()])]
    .flatMap((reference) => explain(reference, ours.get(reference) ?? [], theirs.get(reference) ?? [], end))
    .sort((a, b) => byText(a.date, b.date) || byText(a.reference, b.reference));
  const opening = bank.filter((row) => row["type"] === "OPENING").length;
  const unmatchedBank = differences.filter((d) => d.statementAmount !== null).length;
  const bookBalance = sum(books.map((row) => cents(row["debit"]) - cents(row["credit"])));
  const statementBalance = sum(bank.map((row) => cents(row["amount"])));
  const adjust = (side: string): bigint => sum(differences.filter((d) => d.adjusts === side).map((d) => cents(d.adjustment)));
  const adjusted = bookBalance + adjust("ledger");
  if (adjusted !== statementBalance + adjust("statement"))
    throw new Error("The two adjusted balances differ: the bank account does not reconcile.");
  return {
    matched: bank.length - opening - unmatchedBank,
    differences,
    bookBalance: decimal(bookBalance),
    statementBalance: decimal(statementBalance),
    adjustedBalance: decimal(adjusted),
  };
}

interface Entry {
  readonly id: string;
  readonly description: string;
  readonly lines: readonly { readonly account: string; readonly department: string; readonly debit: string; readonly credit: string }[];
}

/** `changes`: `account department` → cents, debit positive. */
function entryOf(changes: ReadonlyMap<string, bigint>): Entry["lines"] {
  const lines = [...changes]
    .filter(([, amount]) => amount !== 0n)
    .sort(([a, x], [b, y]) => Number(x < 0n) - Number(y < 0n) || byText(a, b));
  return lines.map(([key, amount]) => {
    const [account = "", department = ""] = key.split(" ");
    return { account, department, debit: decimal(amount > 0n ? amount : 0n), credit: decimal(amount < 0n ? -amount : 0n) };
  });
}

const CORRECTION: Readonly<Record<string, string>> = {
  bank_fee: "Bank fee",
  duplicate: "Takes back a second recording of",
  transposed_digits: "Corrects transposed digits of",
  missing_in_ledger: "Bank item that the books miss:",
};

function recomputeEntries(
  input: string,
  period: string,
  accruals: readonly Accrual[],
  payroll: readonly Accrual[],
  differences: readonly Found[],
): Entry[] {
  const settings = settingsOf(input, "finance");
  const ledger = readCsv(join(input, "finance", "ledger.csv"));
  const drafts: { description: string; changes: Map<string, bigint> }[] = [];
  const draft = (description: string, sides: readonly (readonly [account: string, department: string, amount: bigint])[]): void => {
    const changes = new Map<string, bigint>();
    for (const [account, department, amount] of sides)
      changes.set(`${account} ${department}`, (changes.get(`${account} ${department}`) ?? 0n) + amount);
    drafts.push({ description, changes });
  };
  for (const department of ["engineering", "marketing"]) {
    const own = accruals.filter((line) => line.department === department);
    const owed = sum(own.map((line) => cents(line.amount)));
    draft(`Accruals of ${department} for ${period}`, [
      ...own.map((line) => [line.account, department, cents(line.amount)] as const),
      [at(settings, "accrued_liabilities_account"), department, -owed],
    ]);
  }
  draft(`Payroll accrual for ${period}`, [
    ...payroll.map((line) => [line.account, line.department, cents(line.amount)] as const),
    [at(settings, "payroll_liabilities_account"), "hr", -sum(payroll.map((line) => cents(line.amount)))],
  ]);
  const bankAccount = at(settings, "bank_account");
  for (const found of differences.filter((difference) => difference.adjusts === "ledger")) {
    const journal = ledger.find((row) => row["reference"] === found.reference)?.["journal"];
    const others = new Set(
      ledger.filter((row) => row["journal"] === journal && row["account"] !== bankAccount).map((row) => at(row, "account")),
    );
    const [only] = others;
    const known = journal !== undefined && others.size === 1 && only !== undefined ? only : at(settings, "bank_clearing_account");
    const counter = found.kind === "bank_fee" ? at(settings, "bank_charges_account") : known;
    draft(`${CORRECTION[found.kind] ?? "Corrects"} ${found.reference}`, [
      [bankAccount, "finance", cents(found.adjustment)],
      [counter, "finance", -cents(found.adjustment)],
    ]);
  }
  return drafts
    .map(({ description, changes }) => ({ description, lines: entryOf(changes) }))
    .filter(({ lines }) => lines.length > 0)
    .map((entry, i) => ({ id: `${period}-${String(i + 1).padStart(2, "0")}`, ...entry }));
}

/** The proposal that the books lead to, in the report's shape; throws where the bank does not reconcile. */
function recompute(input: string, period: string) {
  const end = new Date(Date.UTC(Number(period.slice(0, 4)), Number(period.slice(5)), 0)).toISOString().slice(0, 10);
  const settings = settingsOf(input, "finance");
  const accruals = recomputeAccruals(input, end);
  const payroll = recomputePayroll(input, period, end);
  const reconciliation = recomputeReconciliation(input, end);
  const entries = recomputeEntries(input, period, accruals, payroll.lines, reconciliation.differences);
  return {
    organisation: at(settings, "organisation"),
    period,
    currency: at(settings, "currency"),
    accruals,
    payroll,
    reconciliation,
    entries,
  };
}

/** What the approver must have signed for this proposal. */
function payloadOf(proposal: ReturnType<typeof recompute>): Plain {
  const total = (department: string): string =>
    decimal(sum(proposal.accruals.filter((line) => line.department === department).map((line) => cents(line.amount))));
  const departments = [...new Set(proposal.accruals.map((line) => line.department))];
  return {
    kind: "month-end-close",
    organisation: proposal.organisation,
    period: proposal.period,
    currency: proposal.currency,
    proposalHash: hashOf(proposal as unknown as Plain),
    entries: proposal.entries.length,
    accruals: departments.map((department) => ({ department, total: total(department) })),
    payrollTotal: proposal.payroll.total,
    reconciliation: {
      matched: proposal.reconciliation.matched,
      differences: proposal.reconciliation.differences.length,
      adjustedBalance: proposal.reconciliation.adjustedBalance,
    },
  };
}

/** Every place where two plain values differ, as `path: report …, books …`. */
function compare(report: Plain | undefined, books: Plain | undefined, path: string): string[] {
  const isTree = (value: Plain | undefined): value is { [key: string]: Plain } => typeof value === "object" && value !== null;
  if (!isTree(report) || !isTree(books)) {
    return report === books ? [] : [`${path}: report ${JSON.stringify(report)}, books ${JSON.stringify(books)}`];
  }
  const keys = new Set([...Object.keys(report), ...Object.keys(books)]);
  return [...keys].flatMap((key) => compare(report[key], books[key], path === "" ? key : `${path}.${key}`));
}

const isRecord = (value: unknown): value is Record<string, Plain> => typeof value === "object" && value !== null && !Array.isArray(value);

/** What the signature says about itself; whether the key is on the roster is for the audit's verifier. */
function checkApproval(approval: Plain | undefined, payloadHash: string): string[] {
  if (!isRecord(approval)) return ["approval: is missing"];
  const { signature } = approval;
  if (typeof signature !== "string") return ["approval.signature: is missing"];
  const claims: unknown = JSON.parse(Buffer.from(signature.split(".")[1] ?? "", "base64url").toString("utf8"));
  if (!isRecord(claims)) return ["approval.signature: holds no statement"];
  return [
    ...compare(approval["payloadHash"], payloadHash, "approval.payloadHash"),
    ...compare(approval["decision"], "approved", "approval.decision"),
    ...compare(claims["payloadHash"], payloadHash, "approval.signature.payloadHash"),
    ...compare(claims["decision"], "approved", "approval.signature.decision"),
    ...compare(claims["approvalId"], approval["approvalId"], "approval.signature.approvalId"),
    ...compare(claims["approver"], approval["approver"], "approval.signature.approver"),
  ];
}

/**
 * Differences between a report and what the CSV files lead to; empty where there are none.
 * @param input folder with `<department>/<file>.csv`
 */
export function compareClose(input: string, report: unknown): string[] {
  if (!isRecord(report) || typeof report["period"] !== "string") return ["the report has no period"];
  const { approval, postedAt, postingId, ...proposal } = report;
  const expected = recompute(input, report["period"]);
  const unbalanced = expected.entries.filter((entry) => sum(entry.lines.map((line) => cents(line.debit) - cents(line.credit))) !== 0n);
  return [
    ...compare(proposal, expected as unknown as Plain, ""),
    ...unbalanced.map((entry) => `entries: ${entry.id} does not balance`),
    ...checkApproval(approval, hashOf(payloadOf(expected))),
    ...(typeof postedAt === "string" && !Number.isNaN(Date.parse(postedAt)) ? [] : ["postedAt: is no time"]),
    ...(typeof postingId === "string" && postingId !== "" ? [] : ["postingId: is missing"]),
  ];
}

if (import.meta.main) {
  const [input, file] = process.argv.slice(2);
  if (input === undefined || file === undefined) {
    process.stderr.write("Usage: node test/support/recompute-close.ts <input dir> <report.json>\n");
    process.exit(2);
  }
  const differences = compareClose(input, JSON.parse(readFileSync(file, "utf8")));
  process.stdout.write(differences.length === 0 ? "The report is what the books lead to.\n" : `${differences.join("\n")}\n`);
  process.exitCode = differences.length === 0 ? 0 : 1;
}
