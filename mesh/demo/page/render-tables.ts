/** The figures of a close as tables. */
import { grouped, kindText, sumAmounts, totalsByDepartment } from "./amounts.ts";
import { type Markup, markup } from "./markup.ts";
import type { CloseReport, ReportEntry } from "./model.ts";
import { signedReason } from "./signed-reason.ts";

const amount = (text: string | null): Markup => markup`<td class="num">${text === null ? "–" : grouped(text)}</td>`;
const amountOrBlank = (text: string): Markup => (text === "0.00" ? markup`<td></td>` : amount(text));

/** Accruals and payroll by department, with the lines behind them. */
export function renderAccruals({ accruals, payroll, currency }: CloseReport): Markup {
  const totals = [
    ...totalsByDepartment(accruals).map((row) => ({ ...row, what: "received, not invoiced" })),
    ...totalsByDepartment(payroll.lines).map((row) => ({ ...row, what: "payroll owed" })),
  ];
  const rows = totals.map(
    (row) => markup`<tr><td>${row.department}</td><td>${row.what}</td><td class="num">${row.count}</td>${amount(row.total)}</tr>`,
  );
  const all = sumAmounts(totals.map((row) => row.total));
  const lines = [...accruals, ...payroll.lines].map(
    (line) => markup`<tr><td>${line.department}</td><td>${line.account}</td><td>${line.source}</td>${amount(line.amount)}</tr>`,
  );
  return markup`<table id="accruals"><thead><tr><th>Department</th><th>What</th><th class="num">Lines</th><th class="num">${currency}</th></tr></thead>
<tbody>${rows}</tbody><tfoot><tr><th colspan="3">Together</th><td class="num">${grouped(all)}</td></tr></tfoot></table>
<details><summary>All ${lines.length} lines with their sources</summary>
<table id="accrual-lines"><thead><tr><th>Department</th><th>Account</th><th>Source</th><th class="num">${currency}</th></tr></thead><tbody>${lines}</tbody></table></details>`;
}

/** Ledger and statement, each adjusted by its differences to the same balance. */
export function renderReconciliation({ reconciliation: bank }: CloseReport): Markup {
  const rows = bank.differences.map(
    (found) => markup`<tr><td class="date">${found.date}</td><td>${kindText(found.kind)}</td><td class="ref">${found.reference}</td>
${amount(found.ledgerAmount)}${amount(found.statementAmount)}
${found.adjusts === "ledger" ? amount(found.adjustment) : markup`<td></td>`}${found.adjusts === "statement" ? amount(found.adjustment) : markup`<td></td>`}</tr>`,
  );
  return markup`<table id="reconciliation"><thead>
<tr><td colspan="3"></td><th colspan="2" class="group">Amount in</th><th colspan="2" class="group">Adjustment of</th></tr>
<tr><th>Date</th><th>Difference</th><th>Reference</th><th class="num">ledger</th><th class="num">statement</th><th class="num">ledger</th><th class="num">statement</th></tr></thead>
<tbody><tr class="balance"><th colspan="5">Balance at month-end</th>${amount(bank.bookBalance)}${amount(bank.statementBalance)}</tr>${rows}</tbody>
<tfoot><tr><th colspan="5">Adjusted balance, the same on both sides</th>${amount(bank.adjustedBalance)}${amount(bank.adjustedBalance)}</tr></tfoot></table>`;
}

const entryRows = (entry: ReportEntry): Markup =>
  markup`<tbody><tr class="entry"><th colspan="4"><span class="id">${entry.id}</span> ${entry.description}</th></tr>${entry.lines.map(
    (line) =>
      markup`<tr><td class="acc">${line.account}</td><td>${line.department}</td>${amountOrBlank(line.debit)}${amountOrBlank(line.credit)}</tr>`,
  )}</tbody>`;

/** The journal entries; the foot shows that debits and credits are the same. */
export function renderEntries({ entries }: CloseReport): Markup {
  const lines = entries.flatMap((entry) => entry.lines);
  return markup`<table id="entries"><thead><tr><th>Account</th><th>Department</th><th class="num">Debit</th><th class="num">Credit</th></tr></thead>
${entries.map(entryRows)}
<tfoot><tr><th colspan="2">Together</th><td class="num">${grouped(sumAmounts(lines.map((line) => line.debit)))}</td><td class="num">${grouped(sumAmounts(lines.map((line) => line.credit)))}</td></tr></tfoot></table>`;
}

/** Who signed, what, and where it was posted. */
export function renderApproval({ approval, postedAt, postingId }: CloseReport): Markup {
  const reason = signedReason(approval.signature);
  const rows: readonly (readonly [string, Markup])[] = [
    ["Approver", markup`<strong>${approval.approver.subject}</strong>, ${approval.approver.role}`],
    ["Decision", markup`${approval.decision}`],
    ...(reason === "" ? [] : [["Reason, signed with it", markup`${reason}`] as const]),
    ["Approval", markup`<code>${approval.approvalId}</code>`],
    ["Hash of what was signed", markup`<code>${approval.payloadHash}</code>`],
    ["Signature (JWS)", markup`<code>${approval.signature}</code>`],
    ["Posted", markup`${postedAt.replace("T", " ").replace(/\.\d+Z$|Z$/, " UTC")} as <code>${postingId}</code>`],
  ];
  return markup`<dl id="approval">${rows.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
