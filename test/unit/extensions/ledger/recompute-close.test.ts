import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { CloseReport } from "../../../../extensions/ledger/close-records.ts";
import { compareClose } from "../../../support/recompute-close.ts";
import { APPROVAL_ID, approvalView, copyBooks, departmentTasks, openTools, PERIOD, PROPOSE } from "../../../support/sample-books.ts";

const INPUT = fileURLToPath(new URL("../../../../profiles/sample/data", import.meta.url));

let report: CloseReport;
beforeAll(async () => {
  const dir = await copyBooks("finance");
  const { approvalPayload } = await openTools(dir, { tasks: await departmentTasks() }).ok("propose_entries", PROPOSE);
  await openTools(dir, { approval: () => approvalView(approvalPayload) }).ok("post_close", { period: PERIOD, approvalId: APPROVAL_ID });
  report = JSON.parse(await readFile(join(dir, "close", PERIOD, "report.json"), "utf8")) as CloseReport;
});

describe("the separate program that recomputes a close", () => {
  test("comes to the same report from the CSV files", () => {
    expect(compareClose(INPUT, report)).toEqual([]);
  });

  test.each<[string, (report: CloseReport) => unknown, RegExp]>([
    [
      "an accrual of one cent more",
      (r) => ({ ...r, accruals: r.accruals.with(0, { ...r.accruals[0], amount: "4677.47" } as never) }),
      /^accruals\.0\.amount/,
    ],
    [
      "a lost difference",
      (r) => ({ ...r, reconciliation: { ...r.reconciliation, differences: r.reconciliation.differences.slice(1) } }),
      /^reconciliation/,
    ],
    ["another matched count", (r) => ({ ...r, reconciliation: { ...r.reconciliation, matched: 376 } }), /^reconciliation\.matched/],
    ["a lost entry", (r) => ({ ...r, entries: r.entries.slice(0, -1) }), /^entries\.9/],
    ["another payroll total", (r) => ({ ...r, payroll: { ...r.payroll, total: "1.00" } }), /^payroll\.total/],
    [
      "an approval of something else",
      (r) => ({ ...r, approval: { ...r.approval, payloadHash: "0".repeat(64) } }),
      /^approval\.payloadHash/,
    ],
    ["a field that does not belong there", (r) => ({ ...r, note: "x" }), /^note/],
  ])("finds %s", (_title, change, problem) => {
    expect(compareClose(INPUT, change(report))[0]).toMatch(problem);
  });
});
