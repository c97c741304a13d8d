/** `report.md`: the close for people who read Markdown. */
import { grouped, kindText, sumAmounts, totalsByDepartment } from "./amounts.ts";
import type { CloseReport } from "./model.ts";
import { signedReason } from "./signed-reason.ts";

/** Text that stays text in Markdown, in a table cell too. */
const plain = (text: string): string => text.replace(/[\\`*_[\]<>|~]/g, (char) => `\\${char}`).replace(/\s+/g, " ");

/** An id, hash or signature as code; anything else as plain text, because nothing can be escaped inside code. */
const code = (text: string): string => (/^[\w.:-]+$/.test(text) ? `\`${text}\`` : plain(text));

/** A table; columns whose head ends in `:` are aligned to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = head.map((title) => (title.endsWith(":") ? "---:" : "---"));
  return [line(head.map((title) => title.replace(/:$/, ""))), line(rule), ...rows.map(line)].join("\n");
}

function reconciliationPart({ reconciliation: bank, currency }: CloseReport): string {
  const rows = bank.differences.map((found) => [
    found.date,
    plain(kindText(found.kind)),
    plain(found.reference),
    found.ledgerAmount === null ? "–" : grouped(found.ledgerAmount),
    found.statementAmount === null ? "–" : grouped(found.statementAmount),
    found.adjusts === "ledger" ? grouped(found.adjustment) : "",
    found.adjusts === "statement" ? grouped(found.adjustment) : "",
  ]);
  const balances = [
    ["", "**balance before**", "", grouped(bank.bookBalance), grouped(bank.statementBalance), "", ""],
    ...rows,
    ["", "**adjusted balance**", "", "", "", `**${grouped(bank.adjustedBalance)}**`, `**${grouped(bank.adjustedBalance)}**`],
  ];
  return [
    "## Bank reconciliation",
    `${bank.matched} movements match, ${bank.differences.length} differ. Amounts in ${plain(currency)}.`,
    table(["date", "what", "reference", "ledger:", "statement:", "adjusts ledger:", "adjusts statement:"], balances),
  ].join("\n\n");
}

function entriesPart({ entries }: CloseReport): string {
  const parts = entries.map((entry) => {
    const rows = entry.lines.map((line) => [
      plain(line.account),
      plain(line.department),
      line.debit === "0.00" ? "" : grouped(line.debit),
      line.credit === "0.00" ? "" : grouped(line.credit),
    ]);
    const sums = [
      "**sum**",
      "",
      `**${grouped(sumAmounts(entry.lines.map((l) => l.debit)))}**`,
      `**${grouped(sumAmounts(entry.lines.map((l) => l.credit)))}**`,
    ];
    return `### ${plain(entry.id)}: ${plain(entry.description)}\n\n${table(["account", "department", "debit:", "credit:"], [...rows, sums])}`;
  });
  return ["## Journal entries", ...parts].join("\n\n");
}

function approvalPart({ approval, postedAt, postingId }: CloseReport): string {
  const reason = signedReason(approval.signature);
  const rows = [
    ["approver", `${plain(approval.approver.subject)} (${plain(approval.approver.role)})`],
    ["decision", plain(approval.decision)],
    ...(reason === "" ? [] : [["reason", plain(reason)]]),
    ["approval", code(approval.approvalId)],
    ["hash of what was approved", code(approval.payloadHash)],
    ["signature", code(approval.signature)],
    ["posted", `${plain(postedAt)} as ${code(postingId)}`],
  ];
  return `## Approval\n\n${table(["", ""], rows)}`;
}

/** The report as Markdown. Ends with a line break. */
export function renderReportMarkdown(report: CloseReport): string {
  const departments = totalsByDepartment(report.accruals).map((row) => [plain(row.department), String(row.count), grouped(row.total)]);
  const totals = ["**together**", String(report.accruals.length), `**${grouped(sumAmounts(report.accruals.map((line) => line.amount)))}**`];
  const accruals = report.accruals.map((line) => [plain(line.department), plain(line.account), plain(line.source), grouped(line.amount)]);
  const payroll = totalsByDepartment(report.payroll.lines).map((row) => [plain(row.department), grouped(row.total)]);
  return `${[
    `# Month-end close ${plain(report.period)}, ${plain(report.organisation)}`,
    "## Accruals",
    table(["department", "lines:", `total ${plain(report.currency)}:`], [...departments, totals]),
    table(["department", "account", "source", `amount ${plain(report.currency)}:`], accruals),
    "## Payroll accrual",
    table(["department", `owed ${plain(report.currency)}:`], [...payroll, ["**together**", `**${grouped(report.payroll.total)}**`]]),
    reconciliationPart(report),
    entriesPart(report),
    approvalPart(report),
  ].join("\n\n")}\n`;
}
