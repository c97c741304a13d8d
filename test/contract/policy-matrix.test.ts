/** The matrix in docs/policy.md is what the signed policies of the sample company say. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CedarEngine, createCedarEngine } from "../../guard/policy/cedar-engine.ts";
import type { PolicyAction } from "../../mesh/contract/bundle.ts";
import { readSources } from "../../profiles/bundle/read-sources.ts";
import { type VerifiedBundle, verifyBundle } from "../../profiles/bundle/verify.ts";
import { policyMatrix } from "../../scripts/policy-matrix.mjs";
import { createTestOrganisation } from "../support/test-organisation.ts";

const root = join(import.meta.dirname, "..", "..");
const NOW_MS = Date.UTC(2026, 9, 31, 8);
const page = readFileSync(join(root, "docs/policy.md"), "utf8");
const table = page
  .slice(page.indexOf("<!-- policy-matrix:start -->"), page.indexOf("<!-- policy-matrix:end -->"))
  .trim()
  .split("\n")
  .slice(1);

let bundle: VerifiedBundle;
let engine: CedarEngine;
let profiles: VerifiedBundle["profile"][];
beforeAll(async () => {
  const sources = await readSources(join(root, "profiles/sample"), join(root, "recipes"));
  const organisation = createTestOrganisation();
  const signed = organisation.sign("finance", { version: 1, nowMs: NOW_MS, sources });
  const expected = { org: organisation.org, role: "finance", rootFingerprint: organisation.root.thumbprint, nowMs: NOW_MS, minVersion: 1 };
  bundle = verifyBundle({ bundle: signed, ...expected });
  engine = createCedarEngine({ set: bundle.policy, orgChart: bundle.orgChart, policyHash: bundle.manifest.policyHash });
  profiles = sources.roles.map(({ profile }) => profile);
});
afterAll(() => engine.close());

/** Roles that a cell names, of a row and a column of the page. */
function cell(label: string, role: string): string {
  const columns = (table[0] ?? "").split("|").map((text) => text.trim());
  const row = table.find((line) => (line.split("|")[1] ?? "").includes(label)) ?? "";
  return (row.split("|")[columns.indexOf(role)] ?? "").trim();
}

describe("the matrix of roles and actions", () => {
  it("is what a signed and verified bundle's policies answer", () => {
    expect(table.join("\n")).toBe(policyMatrix(engine, profiles));
  });

  it("says nothing of its own: of an engine that denies everything it shows no yes", () => {
    const never = { decide: () => ({ allowed: false, rules: [], reason: "", policyHash: "0".repeat(64) }) };
    const rows = policyMatrix(never, profiles).split("\n").slice(2);
    for (const row of rows)
      expect(
        new Set(
          row
            .split("|")
            .slice(2, -1)
            .map((text) => text.trim()),
        ),
      ).toEqual(new Set(["–"]));
  });

  it.each<[label: string, role: string, says: string]>([
    ["task.send `payroll-accrual`", "finance", "hr"],
    ["task.send `payroll-accrual`", "marketing", "–"],
    ["approval.decide", "executive", "finance"],
    ["approval.decide", "finance", "–"],
    ["ledger__payroll_register", "hr", "yes"],
    ["ledger__payroll_register", "finance", "–"],
    ["data.release SECRET", "hr", "–"],
    ["audit.export", "legal", "yes"],
  ])("%s by %s: %s", (label, role, says) => {
    expect(cell(label, role)).toBe(says);
  });

  it("has a row for every action that policy is asked", () => {
    const actions: PolicyAction[] = [
      "task.send",
      "task.run",
      "approval.request",
      "approval.decide",
      "notify.send",
      "session.join",
      "session.handoff",
    ];
    const others: PolicyAction[] = [
      "session.share",
      "tool.call",
      "guard.restore",
      "audit.export",
      "data.release",
      "model.call",
      "api.call",
    ];
    for (const action of [...actions, ...others]) expect(table.some((line) => line.startsWith(`| ${action}`))).toBe(true);
  });
});
