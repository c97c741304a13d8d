import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { closeReport } from "../../../../extensions/ledger/close-records.ts";
import type { TaskView } from "../../../../mesh/contract/daemon-api.ts";
import { canonicalHash, type Json } from "../../../../mesh/contract/json.ts";
import {
  APPROVAL_ID,
  approvalView,
  copyBooks,
  departmentTasks,
  openTools,
  PERIOD,
  PROPOSE,
  TASK_IDS,
} from "../../../support/sample-books.ts";

const INPUT = { period: PERIOD, approvalId: APPROVAL_ID };
const closeFile = (dir: string, file: string): string => join(dir, "close", PERIOD, file);

let tasks: TaskView[];
beforeAll(async () => {
  tasks = await departmentTasks();
});

async function proposed(): Promise<{ dir: string; payload: Json }> {
  const dir = await copyBooks("finance");
  const { approvalPayload } = await openTools(dir, { tasks }).ok("propose_entries", PROPOSE);
  return { dir, payload: approvalPayload ?? null };
}

describe("posting the close", () => {
  test("writes a report that holds the proposal and the signed approval", async () => {
    const { dir, payload } = await proposed();
    const posted = await openTools(dir, { approval: () => approvalView(payload) }).ok("post_close", INPUT);
    expect(posted).toMatchObject({ alreadyPosted: false, entries: 10, reportFile: "close/2026-10/report.json" });
    const report = closeReport.parse(JSON.parse(await readFile(closeFile(dir, "report.json"), "utf8")));
    expect(Object.keys(report).sort()).toEqual([
      "accruals",
      "approval",
      "currency",
      "entries",
      "organisation",
      "payroll",
      "period",
      "postedAt",
      "postingId",
      "reconciliation",
    ]);
    expect(report.approval).toMatchObject({ decision: "approved", payloadHash: canonicalHash(payload), approver: { role: "executive" } });
  });

  test("posts once, however many ask at the same time", async () => {
    const { dir, payload } = await proposed();
    const tools = openTools(dir, { approval: () => approvalView(payload) });
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => tools.ok("post_close", INPUT)));
    expect(outcomes.filter((outcome) => outcome["alreadyPosted"] === false)).toHaveLength(1);
    expect(new Set(outcomes.map((outcome) => outcome["postingId"])).size).toBe(1);
    expect((await readdir(join(dir, "close", PERIOD))).sort()).toEqual(["posting.json", "proposal.json", "report.json"]);
  });

  test("answers a later call with the first posting, without asking the daemon again", async () => {
    const { dir, payload } = await proposed();
    const first = await openTools(dir, { approval: () => approvalView(payload) }).ok("post_close", INPUT);
    expect(await openTools(dir).ok("post_close", INPUT)).toEqual({ ...first, alreadyPosted: true });
    expect(await openTools(dir, { tasks }).ok("propose_entries", PROPOSE)).toMatchObject({ proposalHash: first["proposalHash"] });
  });

  test.each<[string, (payload: Json) => ReturnType<typeof approvalView>, RegExp]>([
    ["is pending", (payload) => approvalView(payload, { state: "PENDING", decision: undefined as never }), /STATE_CONFLICT: .*pending/],
    ["was rejected", (payload) => approvalView(payload, { state: "REJECTED" }), /STATE_CONFLICT: .*REJECTED/],
    ["is for another payload", (payload) => approvalView({ ...(payload as object), entries: 1 }), /APPROVAL_INVALID: .*another proposal/],
    [
      "has a payload that is not its hash's",
      (payload) => approvalView({ a: 1 }, { payloadHash: canonicalHash(payload) }),
      /APPROVAL_INVALID/,
    ],
    ["was signed as rejected", (payload) => approvalView(payload, {}, { decision: "rejected" }), /APPROVAL_INVALID/],
    ["was signed for another hash", (payload) => approvalView(payload, {}, { payloadHash: "0".repeat(64) }), /APPROVAL_INVALID/],
    [
      "was signed by somebody else",
      (payload) => approvalView(payload, {}, { approver: { subject: "m", role: "finance" } }),
      /APPROVAL_INVALID/,
    ],
    ["has no signature", (payload) => approvalView(payload, { decision: "x" }), /INVALID_INPUT/],
  ])("posts nothing where the approval %s", async (_title, view, problem) => {
    const { dir, payload } = await proposed();
    expect(await openTools(dir, { approval: () => view(payload) }).refusal("post_close", INPUT)).toMatch(problem);
    expect(await readdir(join(dir, "close", PERIOD))).toEqual(["proposal.json"]);
  });

  test("posts nothing where the proposal was changed after the approval was asked", async () => {
    const { dir, payload } = await proposed();
    await openTools(dir, { tasks }).ok("propose_entries", { ...PROPOSE, accrualTaskIds: [TASK_IDS.marketing] });
    expect(await openTools(dir, { approval: () => approvalView(payload) }).refusal("post_close", INPUT)).toMatch(/another proposal/);
  });

  test("posts nothing without a proposal", async () => {
    const tools = openTools(await copyBooks("finance"), { approval: () => approvalView({}) });
    expect(await tools.refusal("post_close", INPUT)).toMatch(/Call propose_entries first/);
  });

  test("refuses other figures for a month that is posted", async () => {
    const { dir, payload } = await proposed();
    await openTools(dir, { approval: () => approvalView(payload) }).ok("post_close", INPUT);
    expect(await openTools(dir, { tasks }).refusal("propose_entries", { ...PROPOSE, accrualTaskIds: [TASK_IDS.marketing] })).toMatch(
      /CONFLICT: .*already posted/,
    );
  });
});

describe("after a crash", () => {
  test("between posting and report, the next call writes the same report and posts nothing", async () => {
    const { dir, payload } = await proposed();
    await openTools(dir, { approval: () => approvalView(payload) }).ok("post_close", INPUT);
    const [posting, report] = [
      await readFile(closeFile(dir, "posting.json"), "utf8"),
      await readFile(closeFile(dir, "report.json"), "utf8"),
    ];
    await rm(closeFile(dir, "report.json"));
    expect(await openTools(dir).ok("post_close", INPUT)).toMatchObject({ alreadyPosted: true });
    expect(await readFile(closeFile(dir, "report.json"), "utf8")).toBe(report);
    expect(await readFile(closeFile(dir, "posting.json"), "utf8")).toBe(posting);
  });

  test("while a file was written, what it left is never read", async () => {
    const { dir, payload } = await proposed();
    await writeFile(closeFile(dir, ".half.tmp"), '{"v":1,"step":"post-close","posti');
    expect(await openTools(dir, { approval: () => approvalView(payload) }).ok("post_close", INPUT)).toMatchObject({ alreadyPosted: false });
  });

  test("that damaged the proposal, posting is refused until it is proposed again", async () => {
    const { dir, payload } = await proposed();
    const text = await readFile(closeFile(dir, "proposal.json"), "utf8");
    await writeFile(closeFile(dir, "proposal.json"), text.slice(0, text.length / 2));
    const tools = openTools(dir, { tasks, approval: () => approvalView(payload) });
    expect(await tools.refusal("post_close", INPUT)).toMatch(/damaged. Call propose_entries again/);
    await tools.ok("propose_entries", PROPOSE);
    expect(await tools.ok("post_close", INPUT)).toMatchObject({ alreadyPosted: false });
  });

  test("that damaged the posting, nothing is posted or proposed over it", async () => {
    const { dir, payload } = await proposed();
    const tools = openTools(dir, { tasks, approval: () => approvalView(payload) });
    await tools.ok("post_close", INPUT);
    const altered = (await readFile(closeFile(dir, "posting.json"), "utf8")).replace("39897.12", "39897.13");
    await writeFile(closeFile(dir, "posting.json"), altered);
    expect(await tools.refusal("post_close", INPUT)).toMatch(/damaged or was altered/);
    expect(await tools.refusal("propose_entries", PROPOSE)).toMatch(/damaged or was altered/);
    expect(await readFile(closeFile(dir, "posting.json"), "utf8")).toBe(altered);
  });
});
