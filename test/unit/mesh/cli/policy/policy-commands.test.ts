/** `gaggle policy test`, and the folders that a candidate set is read from. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createOutput } from "../../../../../mesh/cli/output.ts";
import { questionFrom } from "../../../../../mesh/cli/policy/explain.ts";
import { readPolicySet } from "../../../../../mesh/cli/policy/read-policies.ts";
import { testPolicies } from "../../../../../mesh/cli/policy/test-policies.ts";

const SAMPLE = join(import.meta.dirname, "../../../../../profiles/sample");
const RECIPES = join(import.meta.dirname, "../../../../../recipes");

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gaggle-policy-"));
  await mkdir(join(dir, "profiles"));
  for (const name of ["organisation.yaml", "guard.yaml", "models.yaml", "roles", "policies"])
    await cp(join(SAMPLE, name), join(dir, "profiles", name), { recursive: true });
  await cp(RECIPES, join(dir, "recipes"), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const said = () => {
  const written: string[] = [];
  return { written, out: createOutput({ write: (text) => void written.push(text) }, true) };
};

test("the sample company's policy tests pass, and a policy that breaks one fails by its name; nothing is signed", async () => {
  const good = said();
  expect(await testPolicies(good.out, dir)).toBe(true);
  expect(JSON.parse(good.written.join(""))).toMatchObject({ ok: true, failed: 0, tests: expect.any(Number) });
  const file = join(dir, "profiles/policies/approvals.cedar");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replaceAll('@id("no-own-approval")', '@id("no-own-approval-any-more")'));
  const bad = said();
  expect(await testPolicies(bad.out, dir)).toBe(false);
  expect(bad.written.join("")).toContain("Finance decides on nothing");
});

test("a policy that is not valid is named with its file and line", async () => {
  await writeFile(join(dir, "profiles/policies/odd.cedar"), '\n@id("odd")\npermit (principal, action == Action::"fly", resource);\n');
  await expect(testPolicies(said().out, dir)).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: expect.stringMatching(/odd\.cedar, line [23]/),
  });
});

test("a candidate set is read from an organisation folder, its profiles, or a folder of .cedar files", async () => {
  const ids = async (folder: string) => (await readPolicySet(folder)).policies.map(({ id }) => id);
  const all = await ids(dir);
  expect(all).toContain("close-asks-accruals");
  expect(await ids(join(dir, "profiles"))).toEqual(all);
  expect(await ids(join(dir, "profiles/policies"))).toEqual(all);
  await expect(readPolicySet(join(dir, "recipes"))).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("flags become one question, and contradicting ones none", () => {
  expect(questionFrom("task.send", { who: "fiona.berg", target: "marketing", classes: "IBAN, EMAIL", unattended: true })).toEqual({
    action: "task.send",
    who: { person: "fiona.berg" },
    target: "marketing",
    context: { dataClasses: ["IBAN", "EMAIL"], unattended: true },
  });
  expect(() => questionFrom("task.send", { who: "fiona.berg", role: "finance" })).toThrow(/--who or --role/);
  expect(() => questionFrom("task.fly", {})).toThrow(/INVALID|question/i);
});
