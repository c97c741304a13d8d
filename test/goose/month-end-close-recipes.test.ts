import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import { recipeYaml, renderRecipe } from "../../mesh/recipe/render-recipe.ts";
import { closeWorld } from "../support/close-world.ts";
import { REPOSITORY } from "../support/executor-world.ts";
import { gooseRoot } from "../support/real-goose.ts";
import { compareClose } from "../support/recompute-close.ts";
import { tempFolder } from "../support/temp-home.ts";

const CLOSE = join(REPOSITORY, "recipes/finance/month-end-close.yaml");
const OCTOBER = { period: "2026-10" };
const RECIPES = ["finance/month-end-close", "marketing/accruals", "engineering/accruals", "hr/payroll-accrual", "executive/review-close"];

/** A recipe as `gaggle setup` would place it. */
function placed(name: string, folder: string): string {
  const path = `recipes/${name}.yaml`;
  const text = readFileSync(join(REPOSITORY, path), "utf8");
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, recipeYaml(renderRecipe({ text, installDir: REPOSITORY, node: process.execPath }), { path, bundleVersion: 1 }));
  return file;
}

const PERSONAL_COLUMNS = /email|iban|phone|national_id/;

/** E-mails, IBANs, phones and national ids of all CSV files, as they stand there and without spaces. */
function personalValues(books: string): string[] {
  const files = readdirSync(books, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".csv"));
  const values = files.flatMap((file) => {
    const rows = parse<Record<string, string>>(readFileSync(join(books, file)), { columns: true });
    return rows.flatMap((row) =>
      Object.entries(row).flatMap(([column, value]) => (PERSONAL_COLUMNS.test(column) && value !== "" ? [value] : [])),
    );
  });
  return [...new Set(values.flatMap((value) => [value, value.replaceAll(" ", "")]))];
}

describe("the recipes of the close", () => {
  it.each(RECIPES)("%s is a valid recipe for Goose, as it lies in the repository and as it is set up", async (name) => {
    const goose = gooseRoot(tempFolder());
    for (const file of [join(REPOSITORY, `recipes/${name}.yaml`), placed(name, goose.root)]) {
      const { code, stdout, stderr } = await goose.run(["recipe", "validate", file]);
      expect(`${code} ${stdout}${stderr}`).toMatch(/^0 .*recipe file is valid/);
    }
  });

  it("close the month: the departments' figures, the approval and the posting add up to what the files say, and a second run posts nothing", async () => {
    const world = await closeWorld();
    const result = await world.runRecipe(CLOSE, OCTOBER);
    expect(result).toMatchObject({ period: "2026-10", status: "posted", reportFile: "close/2026-10/report.json" });
    expect(world.runs.toSorted()).toEqual(["engineering", "hr", "marketing"]);
    const report = join(world.books, "finance", result["reportFile"] as string);
    expect(compareClose(world.books, JSON.parse(readFileSync(report, "utf8")))).toEqual([]);

    expect([...world.state.keys.keys()].toSorted()).toEqual([
      "close/2026-10/accruals/engineering",
      "close/2026-10/accruals/marketing",
      `close/2026-10/approval/${result["proposalHash"] as string}`,
      "close/2026-10/payroll/hr",
    ]);

    const first = readFileSync(report, "utf8");
    expect(await world.runRecipe(placed("finance/month-end-close", world.finance.root), OCTOBER)).toEqual(result);
    expect(readFileSync(report, "utf8")).toBe(first);
    expect(world.runs).toHaveLength(3);
    expect(world.state.approvals.size).toBe(1);
  });

  it("show the model's side no e-mail, bank account, phone or national id of the files, though the tools' results hold them", async () => {
    const world = await closeWorld();
    expect(await world.runRecipe(CLOSE, OCTOBER)).toMatchObject({ status: "posted" });
    const requests = readFileSync(world.modelRequests, "utf8").trim().split("\n");
    const seen = requests.map((line) => JSON.stringify(JSON.parse(line))).join("\n");
    const secrets = personalValues(world.books);
    expect(secrets.length).toBeGreaterThan(200);
    expect(secrets.filter((value) => seen.includes(value))).toEqual([]);
    expect(seen).toMatch(/EMAIL_[0-9A-Z]{10}/);
    expect(seen).toMatch(/IBAN_[0-9A-Z]{10}/);
  });

  it("send a task that failed once more, and close all the same", async () => {
    const world = await closeWorld();
    world.failNext.add("hr");
    expect(await world.runRecipe(CLOSE, OCTOBER)).toMatchObject({ status: "posted" });
    expect(world.runs.filter((department) => department === "hr")).toHaveLength(2);
    expect([...world.state.keys.keys()]).toContain("close/2026-10/payroll/hr/again");
  });

  it("post nothing where the executive rejects, or has not decided yet; later the same run goes on", async () => {
    const world = await closeWorld();
    const posting = join(world.books, "finance/close/2026-10/posting.json");
    world.decide(null);
    const waiting = await world.runRecipe(CLOSE, OCTOBER);
    expect(waiting).toMatchObject({ status: "awaiting-approval", postingId: "", reportFile: "" });
    expect(existsSync(posting)).toBe(false);
    world.decide("rejected");
    expect(await world.runRecipe(CLOSE, OCTOBER)).toMatchObject({ status: "rejected", approvalId: waiting["approvalId"], postingId: "" });
    expect(existsSync(posting)).toBe(false);
  });

  it("end with the status failed where a department's books are missing", async () => {
    const world = await closeWorld();
    writeFileSync(join(world.books, "marketing/purchase-orders.csv"), "not,the,table\n");
    expect(await world.runRecipe(CLOSE, OCTOBER)).toMatchObject({ status: "failed", proposalHash: "", postingId: "" });
    expect([...world.state.tasks.values()].filter(({ state }) => state === "FAILED")).toHaveLength(2);
  });

  it("explain an approval to the executive, who then decides elsewhere", async () => {
    const world = await closeWorld();
    world.decide(null);
    const { approvalId, proposalHash } = await world.runRecipe(CLOSE, OCTOBER);
    const review = await world.runRecipe(placed("executive/review-close", world.finance.root), { approval_id: approvalId as string });
    expect(review).toMatchObject({ approvalId, state: "PENDING", concerns: [] });
    expect(review["summary"]).toContain("2026-10");
    expect(review["decideWith"]).toContain(`gaggle approve ${review["approvalId"] as string}`);
    expect(proposalHash).toMatch(/^[0-9a-f]{64}$/);
    expect([...world.state.approvals.values()].map(({ state }) => state)).toEqual(["PENDING"]);
  });
});
