import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { JournalEntry } from "../../../../extensions/ledger/close-records.ts";
import { createEntries } from "../../../../extensions/ledger/journal-entries.ts";
import { centsOf, formatCents } from "../../../../extensions/ledger/money.ts";
import type { TaskView } from "../../../../mesh/contract/daemon-api.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import {
  APPROVAL_ID,
  approvalView,
  copyBooks,
  departmentResults,
  openTools,
  PERIOD,
  PROPOSE,
  TASK_IDS,
  taskView,
} from "../../../support/sample-books.ts";

const balanceOf = (entry: JournalEntry): number => entry.lines.reduce((sum, line) => sum + centsOf(line.debit) - centsOf(line.credit), 0);

let results: Awaited<ReturnType<typeof departmentResults>>;
let tasks: TaskView[];
beforeAll(async () => {
  results = await departmentResults();
  tasks = [taskView("marketing", results.marketing), taskView("engineering", results.engineering), taskView("hr", results.hr)];
});

/** The daemon's tasks with others of the same ids before them. */
const tasksWith = (...changed: TaskView[]): TaskView[] => [...changed, ...tasks];

async function expectRefusal(known: readonly TaskView[], input: Record<string, unknown>, problem: RegExp): Promise<void> {
  const dir = await copyBooks("finance");
  expect(await openTools(dir, { tasks: known, approval: () => approvalView({}) }).refusal("propose_entries", input)).toMatch(problem);
  await expect(readFile(join(dir, "close", PERIOD, "proposal.json"))).rejects.toThrow("ENOENT");
}

describe("proposing the close", () => {
  test("stores balanced entries and gives a small payload that names them by hash", async () => {
    const dir = await copyBooks("finance");
    const proposed = await openTools(dir, { tasks }).ok("propose_entries", PROPOSE);
    const stored = JSON.parse(await readFile(join(dir, "close", PERIOD, "proposal.json"), "utf8")) as { entries: JournalEntry[] };
    expect(proposed["proposalHash"]).toBe(canonicalHash(stored));
    expect(stored.entries).toHaveLength(10);
    for (const entry of stored.entries) expect(balanceOf(entry), entry.description).toBe(0);
    expect(JSON.stringify(proposed).length).toBeLessThan(1_500);
  });

  test("gives the same proposal when it is done again, whichever department came first", async () => {
    const dir = await copyBooks("finance");
    const first = await openTools(dir, { tasks }).ok("propose_entries", PROPOSE);
    const again = await openTools(dir, { tasks }).ok("propose_entries", {
      ...PROPOSE,
      accrualTaskIds: PROPOSE.accrualTaskIds.toReversed(),
    });
    expect(again).toEqual(first);
  });

  test.each<[string, () => TaskView, RegExp]>([
    [
      "a total that its lines don't come to",
      () => taskView("marketing", { ...results.marketing, total: "1.00" }),
      /marketing does not add up: .* 39897\.12/,
    ],
    ["another month", () => taskView("hr", { ...results.hr, period: "2026-09" }), /hr is for 2026-09, not 2026-10\. Ask hr again/],
    [
      "a line twice",
      () => {
        const [line] = results.marketing.accruals;
        return taskView("marketing", { ...results.marketing, accruals: [line, line], total: formatCents(2 * centsOf(line?.amount ?? "")) });
      },
      /a source twice/,
    ],
    [
      "a charge to the bank account",
      () => taskView("marketing", { ...results.marketing, accruals: [{ account: "1200", amount: "5.00", source: "PO" }], total: "5.00" }),
      /no expense account/,
    ],
    [
      "a negative amount",
      () => taskView("marketing", { ...results.marketing, accruals: [{ account: "6310", amount: "-5.00", source: "PO" }], total: "-5.00" }),
      /not above 0\.00/,
    ],
    [
      "an amount that is no decimal text",
      () => taskView("hr", { ...results.hr, total: "12,5" }),
      /INVALID_INPUT: The result of hr's task, which has to be sent again, .*total/,
    ],
    ["no figures", () => taskView("marketing", "39897.12"), /INVALID_INPUT: The result of marketing's task/],
  ])("refuses a department's result with %s and stores nothing", async (_title, changed, problem) => {
    await expectRefusal(tasksWith(changed()), PROPOSE, problem);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["a department twice", { accrualTaskIds: [TASK_IDS.marketing, TASK_IDS.marketing] }, /there twice/],
    ["a task that nobody knows", { payrollTaskId: "019a0000-0000-7000-8000-0000000000ff" }, /NOT_FOUND: .*check the id/],
    ["HR's payroll as accruals", { accrualTaskIds: [TASK_IDS.hr] }, /is not of the skill accruals\. Pass the taskId/],
    ["marketing's accruals as payroll", { payrollTaskId: TASK_IDS.marketing }, /is not of the skill payroll-accrual\. Pass the taskId/],
    ["an approval's id", { payrollTaskId: APPROVAL_ID }, /is no task's id\. Pass the taskId/],
    ["figures in place of a task", { payrollTaskId: { department: "hr", total: "1.00" } }, /INVALID_INPUT: .*payrollTaskId/],
    ["figures beside the tasks", { payroll: { department: "hr", total: "1.00" } }, /INVALID_INPUT: .*payroll/],
  ])("refuses %s, so that no figure can be made up", async (_title, change, problem) => {
    await expectRefusal(tasks, { ...PROPOSE, ...change }, problem);
  });

  test.each<[string, Partial<TaskView>, RegExp]>([
    ["came in here", { side: "worker" }, /was not asked by this agent\. Pass the taskId that send_task gave/],
    ["names no skill", { skill: undefined }, /is not of the skill accruals/],
    ["is of another skill", { skill: "month-end-close" }, /is not of the skill accruals/],
    ["is at work", { state: "WORKING" }, /STATE_CONFLICT: .*at marketing is WORKING\. Wait with fetch_status/],
    ["failed", { state: "FAILED" }, /STATE_CONFLICT: .*is FAILED\. .*send it again/],
  ])("refuses a task that %s, though it holds a good result", async (_title, change, problem) => {
    await expectRefusal(tasksWith(taskView("marketing", results.marketing, change)), PROPOSE, problem);
  });

  test("refuses a department's figures from another department's agent", async () => {
    const { peer } = taskView("engineering", results.engineering);
    const forged = taskView("marketing", results.marketing, { peer });
    await expectRefusal(
      tasksWith(forged),
      PROPOSE,
      /agent of engineering answered with the figures of marketing\. Send the task to marketing/,
    );
  });

  test("refuses while the bank account has a difference that nobody can explain", async () => {
    const dir = await copyBooks("finance");
    const path = join(dir, "ledger.csv");
    const text = await readFile(path, "utf8");
    await writeFile(
      path,
      `${text}GL-X,J-X,2026-10-09,1200,finance,lost cheque,0.00,77.00,CHQ-1,,\nGL-Y,J-X,2026-10-09,2100,finance,lost cheque,77.00,0.00,CHQ-1,,\n`,
    );
    expect(await openTools(dir, { tasks }).refusal("propose_entries", PROPOSE)).toMatch(/STATE_CONFLICT: .* 1 differences are unexplained/);
  });
});

describe("journal entries", () => {
  const settings = {
    organisation: "O",
    currency: "EUR",
    bank_account: "1200",
    bank_clearing_account: "1290",
    bank_charges_account: "6800",
    accrued_liabilities_account: "2150",
    payroll_liabilities_account: "2200",
  };
  const amount = fc.integer({ min: 1, max: 900_000_000_00 });
  const line = fc.record({ account: fc.constantFrom("6310", "6320", "2150"), department: fc.constantFrom("sales", "hr"), cents: amount });
  const found = fc.record({
    kind: fc.constantFrom("bank_fee" as const, "duplicate" as const, "transposed_digits" as const, "missing_in_ledger" as const),
    cents: fc.integer({ min: -900_000_000, max: 900_000_000 }),
  });

  test("always balance, line by line and as a whole, and never hold a line of nothing", () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }),
        fc.array(line, { maxLength: 30 }),
        fc.array(found, { maxLength: 20 }),
        (own, pay, bank) => {
          const lines = (list: typeof own) => list.map((item, i) => ({ ...item, amount: formatCents(item.cents), source: String(i) }));
          const total = (list: typeof own): string => formatCents(list.reduce((sum, item) => sum + item.cents, 0));
          const entries = createEntries({
            period: PERIOD,
            settings,
            ledger: [],
            accruals: [{ department: "sales", period: PERIOD, accruals: lines(own), total: total(own) }],
            payroll: { department: "hr", period: PERIOD, accruals: lines(pay), total: total(pay) },
            differences: bank.map(({ kind, cents }) => ({
              kind,
              reference: "R",
              date: "2026-10-01",
              ledgerCents: null,
              statementCents: cents,
              adjusts: "ledger" as const,
              adjustmentCents: cents,
              counterparty: "",
              journal: null,
            })),
          });
          for (const entry of entries) {
            expect(balanceOf(entry)).toBe(0);
            for (const side of entry.lines) expect(centsOf(side.debit) > 0 !== centsOf(side.credit) > 0).toBe(true);
          }
          expect(new Set(entries.map((entry) => entry.id)).size).toBe(entries.length);
        },
      ),
    );
  });
});
