import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { guardLists } from "../../../../mesh/contract/guard-policy.ts";
import { modelPolicy } from "../../../../mesh/contract/model-policy.ts";
import { buildBundles } from "../../../../profiles/bundle/build-bundles.ts";
import { readSources } from "../../../../profiles/bundle/read-sources.ts";
import { testSources } from "../../../support/test-organisation.ts";

const code = (name: string, message = "") => expect.objectContaining({ code: name, message: expect.stringContaining(message) });
/** Sources whose second pattern is this one. */
const patterns = (pattern: string) => ({
  guardLists: guardLists.parse({ v: 1, patterns: [String.raw`NO-\d{5}`, pattern].map((each) => ({ class: "CUSTOM", pattern: each })) }),
});
const route = { id: "cheap", use: { upstream: "openai", model: "small" } };
const [boss] = testSources().orgChart;
if (boss === undefined) throw new Error("the test organisation has nobody");

describe("building bundles", () => {
  it("gives every role the same policy and org chart, and its own hints and recipes", () => {
    const drafts = buildBundles(testSources());
    expect(drafts.map(({ role }) => role)).toEqual(["executive", "finance", "marketing"]);
    for (const { files, policyHash } of drafts) {
      expect(files["policy.json"]).toBe(drafts[0]?.files["policy.json"]);
      expect(files["org-chart.json"]).toBe(drafts[0]?.files["org-chart.json"]);
      expect(policyHash).toBe(drafts[0]?.policyHash);
    }
    expect(Object.keys(drafts[1]?.files ?? {})).toContain("recipes/finance/close.yaml");
    expect(Object.keys(drafts[0]?.files ?? {}).filter((path) => path.startsWith("recipes/"))).toEqual([]);
  });

  it("gives the same bytes for the same sources", () => {
    expect(buildBundles(testSources())).toEqual(buildBundles(testSources()));
  });

  it.each([
    ["a skill without its recipe", { recipes: {} }, "there is no such recipe"],
    ["a role nobody described", { orgChart: [{ ...boss, role: "pirate" }] }, "roles/pirate.yaml"],
    ["an unknown manager", { orgChart: [{ ...boss, manager: "nobody" }] }, "not in the org chart"],
    ["a circle", { orgChart: [{ ...boss, manager: boss.id }] }, "circle"],
    ["a person twice", { orgChart: [boss, boss] }, "twice"],
    ["a pattern that is none", patterns("E-("), "Pattern 2 of guard.yaml can't be used: a bracket is not closed"],
    [
      "a pattern that the guard would refuse",
      patterns(String.raw`Bluebird-(\d+)+`),
      "Pattern 2 of guard.yaml can't be used: at its sign 13",
    ],
    ["a route twice", { modelPolicy: modelPolicy.parse({ v: 1, routes: [route, route] }) }, "names a route twice"],
    ["recipes that differ in letter case", { recipes: { ...testSources().recipes, "recipes/marketing/Accruals.yaml": "" } }, "letter case"],
  ])("refuses %s", (_, change, message) => {
    expect(() => buildBundles({ ...testSources(), ...change })).toThrow(code("INVALID_INPUT", message));
  });
});

it("never quotes a pattern that it refuses", () => {
  expect(() => buildBundles({ ...testSources(), ...patterns("Bluebird*") })).toThrow(/^(?!.*Bluebird)/s);
});

describe("reading sources", () => {
  let dir: string;
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(join(dir, path, ".."), { recursive: true });
    await writeFile(join(dir, path), text);
  };
  const role = (name: string): string =>
    [
      `role: ${name}`,
      "title: T",
      `department: ${name}`,
      "level: 1",
      "extensions: []",
      "skills: []",
      "guard: { mode: strict }",
      "concurrency: 1",
      "locale: en-GB",
      "hints: |",
      "  Hello.",
      "",
    ].join("\n");
  const read = () => readSources(join(dir, "profiles"), join(dir, "recipes"));

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "gaggle-sources-"));
    const person = "{ id: ada, title: Boss, role: finance, department: finance, manager: null, locale: en-GB }";
    await put("profiles/organisation.yaml", `name: Harbour\norgChart:\n  - ${person}\n`);
    await put("profiles/policies/all.cedar", '@id("notify") permit (principal, action == Action::"notify.send", resource);\n');
    await put("profiles/roles/finance.yaml", role("finance"));
    await put("recipes/finance/close.yaml", "title: Close # as written\n");
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("keeps recipes byte for byte", async () => {
    const sources = await read();
    expect(sources.name).toBe("Harbour");
    expect(sources.recipes).toEqual({ "recipes/finance/close.yaml": "title: Close # as written\n" });
    expect(sources.roles[0]?.hints).toBe("Hello.\n");
  });

  it("leaves out links and files that are no recipes", async () => {
    await put("recipes/finance/notes.txt", "x");
    await symlink("/etc/hostname", join(dir, "recipes/finance/evil.yaml"));
    expect(Object.keys((await read()).recipes)).toEqual(["recipes/finance/close.yaml"]);
  });

  it("names the file that is wrong", async () => {
    await put("profiles/policies/tests/all.yaml", "tests: everything\n");
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "all.yaml"));
    await put("profiles/policies/tests/all.yaml", "tests: [1\n");
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "not valid YAML"));
    await rm(join(dir, "profiles/policies"), { recursive: true });
    await expect(read()).rejects.toThrow(code("NOT_FOUND", "policies"));
  });

  it("leaves no policy out: neither a link nor one in a folder", async () => {
    await put("profiles/policies/more/never.cedar", "");
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "more is no plain file"));
    await rm(join(dir, "profiles/policies/more"), { recursive: true });
    await symlink(join(dir, "profiles/policies/all.cedar"), join(dir, "profiles/policies/linked.cedar"));
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "linked.cedar is no plain file"));
  });

  it("refuses an organisation that still has the allow-list, and says how to convert it", async () => {
    await put("profiles/policy.yaml", "v: 1\nallow: []\ndeny: []\n");
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "gaggle org convert-policy"));
  });

  it("takes the guard's lists and the model policy where they are, and empty ones where they are not", async () => {
    expect(await read()).toMatchObject({ guardLists: { v: 1, deny: [] }, modelPolicy: { v: 1, routes: [], otherModels: "allow" } });
    await put("profiles/guard.yaml", "v: 1\nallow: [Harbour]\n");
    await put("profiles/models.yaml", "v: 1\notherModels: refuse\n");
    const sources = await read();
    expect(sources).toMatchObject({ guardLists: { allow: ["Harbour"] }, modelPolicy: { otherModels: "refuse" } });
    const [draft] = buildBundles(sources);
    expect(JSON.parse(draft?.files["guard.json"] ?? "")).toEqual(sources.guardLists);
    expect(JSON.parse(draft?.files["models.json"] ?? "")).toEqual(sources.modelPolicy);
    await put("profiles/models.yaml", "v: 1\nbudgets: [{ id: b, scope: planet, period: day }]\n");
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "models.yaml"));
    await put("profiles/models.yaml", "v: [1\n");
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "not valid YAML"));
  });

  it("refuses a role under another file name", async () => {
    await put("profiles/roles/marketing.yaml", role("sales"));
    await expect(read()).rejects.toThrow(code("INVALID_INPUT", "sales.yaml"));
  });
});

describe("the sample organisation in profiles/sample", () => {
  it("builds", async () => {
    const root = new URL("../../../../", import.meta.url).pathname;
    const drafts = buildBundles(await readSources(join(root, "profiles/sample"), join(root, "recipes")));
    expect(drafts.map(({ role }) => role)).toEqual(["engineering", "executive", "finance", "hr", "legal", "marketing", "sales", "support"]);
  });
});
