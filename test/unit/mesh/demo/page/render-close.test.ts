import { beforeAll, describe, expect, test } from "vitest";
import type { CloseData } from "../../../../../mesh/demo/page/model.ts";
import { renderCloseHtml } from "../../../../../mesh/demo/page/render-close-html.ts";
import { renderReportMarkdown } from "../../../../../mesh/demo/page/render-report-markdown.ts";
import { sampleClose } from "../../../../support/sample-close.ts";

const EVIL = `"><script src="//evil.example"></script><img src=x onerror=1>'&|\`*[x](javascript:1)`;

let data: CloseData;
beforeAll(async () => {
  data = await sampleClose();
});

/** Every text in the value replaced, except amounts and times, whose shape the renderer may rely on. */
function poison<T>(value: T): T {
  if (typeof value === "string") return (/^-?\d+\.\d\d$|^\d{4}-\d\d|^(ledger|statement|none)$/.test(value) ? value : EVIL) as T;
  if (Array.isArray(value)) return value.map(poison) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, key === "kind" && "lane" in value ? item : poison(item)]),
  ) as T;
}

/** The close with this reason in the statement that was signed. */
function signedWith(reason: string): CloseData {
  const payload = Buffer.from(JSON.stringify({ reason })).toString("base64url");
  const approval = { ...data.report.approval, signature: `e30.${payload}.AAAA` };
  return { ...data, report: { ...data.report, approval } };
}

describe("the page of a close", () => {
  test("needs nothing from elsewhere and allows nothing to be loaded", () => {
    const html = renderCloseHtml(data);
    expect(html).toContain(`default-src 'none'`);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import/i);
  });

  test("escapes whatever a report, a message or an excerpt says", () => {
    const html = renderCloseHtml({ ...poison(data), agents: poison(data.agents), timeline: poison(data.timeline) });
    expect(html).toContain("&lt;script");
    expect(html).not.toMatch(/<script|<img|onerror=1>/);
  });

  test("says plainly when the model was a rehearsal, and says nothing of it otherwise", () => {
    expect(renderCloseHtml(data)).toContain("Rehearsal model.");
    expect(renderCloseHtml({ ...data, model: { ...data.model, rehearsal: false } })).not.toContain("Rehearsal model.");
  });

  test("tells the reason that was signed, so that a decision which the demo played shows as such", () => {
    expect(renderCloseHtml(signedWith("played by the demo"))).toContain("<dd>played by the demo</dd>");
    expect(renderCloseHtml(signedWith(EVIL))).not.toMatch(/<script|<img/);
    expect(renderCloseHtml(signedWith(""))).not.toContain("Reason");
  });

  test("does not take what was masked in every request for so many values", () => {
    expect(renderCloseHtml(data)).toContain('<dt>Masked, over all requests</dt><dd class="">277</dd>');
    expect(renderCloseHtml(data)).toContain("A value counts in each request that held it.");
  });

  test("shows a broken audit trail as broken", () => {
    const html = renderCloseHtml({ ...data, audit: { ok: false, events: 3, agents: 5, message: "Line 7 was altered." } });
    expect(html).toContain("Not verified.");
    expect(html).toContain("Line 7 was altered.");
    expect(html).not.toContain(">verified<");
  });

  test("shows the figures of the report, grouped by thousands", () => {
    const html = renderCloseHtml(data);
    for (const figure of ["887,324.61", "890,745.55", "39,897.12", "65,071.73", "−1,267.45"]) expect(html).toContain(figure);
  });
});

describe("the report in Markdown", () => {
  test("has every part with its figures", () => {
    const text = renderReportMarkdown(data.report);
    for (const title of ["## Accruals", "## Payroll accrual", "## Bank reconciliation", "## Journal entries", "## Approval"])
      expect(text).toContain(title);
    for (const entry of data.report.entries) expect(text).toContain(entry.description);
    expect(text).toContain("**890,745.55**");
    expect(text).toContain(data.report.approval.payloadHash);
  });

  test("tells the reason that was signed", () => {
    expect(renderReportMarkdown(signedWith("played by the demo").report)).toContain("played by the demo");
  });

  test("keeps every table row whole whatever a text holds", () => {
    const text = renderReportMarkdown(poison(data.report));
    expect(text).not.toMatch(/(?<!\\)<script/);
    const tables = text.split("\n\n").filter((part) => part.startsWith("|"));
    for (const lines of tables.map((part) => part.trimEnd().split("\n"))) {
      const columns = lines.map((line) => line.match(/(?<!\\)\|/g)?.length);
      expect(new Set(columns).size, lines[0]).toBe(1);
    }
  });
});
