/** The records of a month-end close: departments' results, proposal, approval payload, posting, report. Amounts are decimal text. */
import { z } from "zod";
import { sha256, slug, uuid } from "../../mesh/contract/ids.ts";
import { moneyText } from "./money.ts";
import { dayText, periodText } from "./period.ts";

const accrual = z.object({ account: z.string().min(1).max(20), amount: moneyText, source: z.string().min(1).max(200) });
const payrollLine = z.object({ department: slug, ...accrual.shape });

/** What a department answers: what it received and was not billed for, by source. `total` is the sum of the amounts. */
export const departmentAccruals = z.object({ department: slug, period: periodText, accruals: z.array(accrual), total: moneyText });
/** What a department answers. */
export type DepartmentAccruals = z.infer<typeof departmentAccruals>;

/** What HR answers: pay that is owed and not paid, by department and account. `total` is the sum of the amounts. */
export const payrollAccruals = z.object({ department: slug, period: periodText, accruals: z.array(payrollLine), total: moneyText });
/** What HR answers. */
export type PayrollAccruals = z.infer<typeof payrollAccruals>;

/**
 * One difference between ledger and bank statement. `adjustment` belongs onto the balance that `adjusts` names;
 * `none`: nobody knows yet which side is wrong. Amounts are signed as the bank account sees them.
 */
export const difference = z.strictObject({
  kind: z.enum([
    "timing",
    "bank_fee",
    "duplicate",
    "transposed_digits",
    "missing_in_ledger",
    "duplicate_on_statement",
    "missing_on_statement",
    "amount_mismatch",
  ]),
  reference: z.string(),
  date: dayText,
  ledgerAmount: moneyText.nullable(),
  statementAmount: moneyText.nullable(),
  adjusts: z.enum(["ledger", "statement", "none"]),
  adjustment: moneyText,
});
/** One difference between ledger and bank statement. */
export type Difference = z.infer<typeof difference>;

/** Ledger against bank statement. `adjustedBalance` is the one balance that both sides come to. */
const reconciliation = z.strictObject({
  matched: z.int().min(0),
  differences: z.array(difference),
  bookBalance: moneyText,
  statementBalance: moneyText,
  adjustedBalance: moneyText,
});

const entryLine = z.strictObject({ account: z.string(), department: slug, debit: moneyText, credit: moneyText });
/** A journal entry: the sum of its debits is the sum of its credits. */
const journalEntry = z.strictObject({ id: z.string(), description: z.string(), lines: z.array(entryLine).min(2) });
/** A journal entry. */
export type JournalEntry = z.infer<typeof journalEntry>;
/** One side of a journal entry. */
export type EntryLine = z.infer<typeof entryLine>;

/** What is proposed to be posted. Its canonical hash (RFC 8785, SHA-256) is the proposal's name. */
export const proposal = z.strictObject({
  organisation: z.string(),
  period: periodText,
  currency: z.string().length(3),
  accruals: z.array(z.strictObject({ department: slug, ...accrual.shape })),
  payroll: z.strictObject({ lines: z.array(z.strictObject(payrollLine.shape)), total: moneyText }),
  reconciliation,
  entries: z.array(journalEntry),
});
/** What is proposed to be posted. */
export type Proposal = z.infer<typeof proposal>;

/** What the approver sees and signs. */
export const approvalPayload = z.strictObject({
  kind: z.literal("month-end-close"),
  organisation: z.string(),
  period: periodText,
  currency: z.string().length(3),
  proposalHash: sha256,
  entries: z.int().min(0),
  accruals: z.array(z.strictObject({ department: slug, total: moneyText })),
  payrollTotal: moneyText,
  reconciliation: z.strictObject({ matched: z.int(), differences: z.int(), adjustedBalance: moneyText }),
});
/** What the approver sees and signs. */
export type ApprovalPayload = z.infer<typeof approvalPayload>;

const approvalRecord = z.strictObject({
  approvalId: uuid,
  approver: z.strictObject({ subject: z.string(), role: slug }),
  decision: z.literal("approved"),
  payloadHash: sha256,
  /** Compact JWS of the decision, by the approver's rostered key. */
  signature: z.string(),
});
/** Who approved what, with the signature. */
export type ApprovalRecord = z.infer<typeof approvalRecord>;

/** A posting as it is kept: once for an organisation, period and step. */
export const posting = z.strictObject({
  v: z.literal(1),
  step: z.literal("post-close"),
  postingId: z.string(),
  postedAt: z.iso.datetime(),
  proposalHash: sha256,
  proposal,
  approval: approvalRecord,
});
/** A posting as it is kept. */
export type Posting = z.infer<typeof posting>;

/** `report.json`: the proposal that was posted, with its approval. */
export const closeReport = z.strictObject({
  ...proposal.shape,
  approval: approvalRecord,
  postedAt: z.iso.datetime(),
  postingId: z.string(),
});
/** `report.json`. */
export type CloseReport = z.infer<typeof closeReport>;
