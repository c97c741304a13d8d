/** `index.html`: the close on one page that needs nothing else: no script, no font, no picture, no network. */
import { durationText, grouped, sumAmounts } from "./amounts.ts";
import { type Markup, markup } from "./markup.ts";
import { classText, sumCounts, totalCount } from "./masked-counts.ts";
import type { CloseData } from "./model.ts";
import { renderLanes } from "./render-lanes.ts";
import { renderAccruals, renderApproval, renderEntries, renderReconciliation } from "./render-tables.ts";
import { STYLE } from "./style.ts";

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const monthText = (period: string): string => `${MONTHS[Number(period.slice(5)) - 1] ?? period} ${period.slice(0, 4)}`;
const bytesText = (bytes: number): string => (bytes < 10_000 ? `${bytes} bytes` : `${grouped(String(Math.round(bytes / 1_000)))} kB`);
const clockText = (iso: string): string => iso.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");

function facts({ report, audit, masked, durationMs }: CloseData): Markup {
  const accrued = sumAmounts([...report.accruals.map((line) => line.amount), report.payroll.total]);
  const list: readonly (readonly [string, string, string])[] = [
    ["Accrued and owed", `${grouped(accrued)} ${report.currency}`, ""],
    ["Bank movements", `${report.reconciliation.matched} matched`, ""],
    ["Approved by", report.approval.approver.subject, ""],
    ["Masked, over all requests", grouped(String(totalCount(masked))), ""],
    ["Audit trail", audit.ok ? "verified" : "broken", audit.ok ? "good" : "bad"],
    ["Took", durationText(durationMs), ""],
  ];
  return markup`<dl class="facts">${list.map(([name, value, tone]) => markup`<div><dt>${name}</dt><dd class="${tone}">${value}</dd></div>`)}</dl>`;
}

const rehearsalNote = ({ model }: CloseData): Markup =>
  model.rehearsal
    ? markup`<p class="banner"><strong>Rehearsal model.</strong> Goose, agents, network, signatures, masking and books are real. Only the model’s judgement is not: ${model.name} follows a written script of tool calls and fills in what the tools returned.</p>`
    : markup``;

function maskedBars(data: CloseData): Markup {
  const counts = sumCounts(data.masked);
  const most = Math.max(1, ...counts.map((item) => item.count));
  const bars = counts.map(
    (item) =>
      markup`<li><span>${classText(item.class)}</span><i style="--share:${((100 * item.count) / most).toFixed(1)}%"></i><b>${item.count}</b></li>`,
  );
  return markup`<ul class="bars" id="masked">${bars}</ul>`;
}

/** Tokens look like `EMAIL_7F3A9KQ2MD`; marking them helps the eye, nothing depends on it. */
const TOKEN = /\b([A-Z]+(?:_[A-Z]+)?_[0-9A-HJKMNP-TV-Z]{10})\b/;
const withTokens = (text: string): Markup[] =>
  text.split(TOKEN).map((part, i) => (i % 2 === 1 ? markup`<mark>${part}</mark>` : markup`${part}`));

function guardSection(data: CloseData): Markup {
  const { model } = data;
  const seen = `The model’s side (${model.name}) received ${grouped(String(model.requests))} requests, ${bytesText(model.bytes)}.`;
  const excerpt =
    model.excerpt === undefined
      ? markup``
      : markup`<h3>A piece of what it saw</h3><pre id="excerpt" tabindex="0">${withTokens(model.excerpt)}</pre>`;
  return markup`<section aria-labelledby="h-guard"><h2 id="h-guard">What the model saw</h2>
<p class="note">${seen} The guard on each machine replaced these values before anything left it, and put them back for local tools. A value counts in each request that held it.</p>${maskedBars(data)}${excerpt}</section>`;
}

function auditSection({ audit }: CloseData): Markup {
  return markup`<section aria-labelledby="h-audit"><h2 id="h-audit">Audit trail</h2>
<p id="audit"><strong>${audit.ok ? "Verified." : "Not verified."}</strong> ${audit.message}</p>
<p class="note">${grouped(String(audit.events))} events of ${audit.agents} agents, each chained to the one before by its hash.</p></section>`;
}

const evidenceSection = ({
  evidence,
}: CloseData): Markup => markup`<section aria-labelledby="h-evidence"><h2 id="h-evidence">Where the evidence lies</h2>
<div class="scroll"><table id="evidence"><thead><tr><th>File</th><th>What it is</th></tr></thead>
<tbody>${evidence.map(({ file, what }) => markup`<tr><td><code>${file}</code></td><td>${what}</td></tr>`)}</tbody></table></div></section>`;

const section = (id: string, title: string, note: string, body: Markup): Markup =>
  markup`<section aria-labelledby="h-${id}"><h2 id="h-${id}">${title}</h2><p class="note">${note}</p><div class="scroll">${body}</div></section>`;

/** The page as HTML text. Everything that comes from outside is escaped. */
export function renderCloseHtml(data: CloseData): string {
  const { report } = data;
  const title = `Month-end close, ${monthText(report.period)}`;
  const { bookBalance, statementBalance } = report.reconciliation;
  const style: Markup = { html: STYLE };
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title} · ${report.organisation}</title><style>${style}</style></head>
<body><main><header><h1>${title}</h1><p class="lead">${report.organisation}. Posted ${clockText(report.postedAt)} as ${report.postingId}.</p>
${facts(data)}${rehearsalNote(data)}</header>
<section aria-labelledby="h-lanes"><h2 id="h-lanes">How it went</h2>
<p class="note">One lane for each agent, each a process of its own with its own key and Goose. Time runs down, counted from the start of the close.</p>${renderLanes(data)}</section>
${section("accruals", "Accruals and payroll", "What the departments owe at the end of the month, as their agents answered.", renderAccruals(report))}
${section("bank", "Bank reconciliation", `The ledger says ${grouped(bookBalance)}, the bank says ${grouped(statementBalance)} ${report.currency}. Every difference is explained.`, renderReconciliation(report))}
${section("entries", "Journal entries", `Amounts in ${report.currency}. Each entry’s debits are its credits.`, renderEntries(report))}
${section("approval", "Approval", "The signature is over the hash of exactly what was proposed; the ledger posts nothing else.", renderApproval(report))}
${guardSection(data)}${auditSection(data)}${evidenceSection(data)}
<footer>Made ${clockText(data.generatedAt)}.</footer></main></body></html>
`.html;
}
