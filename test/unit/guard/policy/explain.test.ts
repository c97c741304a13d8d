import { afterAll, describe, expect, it } from "vitest";
import { createCedarEngine } from "../../../../guard/policy/cedar-engine.ts";
import { comparePolicies } from "../../../../guard/policy/compare.ts";
import { compilePolicies } from "../../../../guard/policy/compile-policies.ts";
import { createPolicyExplainer } from "../../../../guard/policy/explain.ts";
import { runPolicyTests, policyTestFile } from "../../../../guard/policy/policy-tests.ts";
import type { PolicyQuestion } from "../../../../mesh/contract/ports.ts";

const policyHash = "0".repeat(64);
const orgChart = [{ id: "fiona.berg", title: "Head", role: "finance", department: "finance", manager: null, locale: "en-GB" }];
const somebody = (role: string) => ({ agentId: role, subject: `${role}.person`, role, department: role });

const POLICIES = `
// Finance asks marketing for accruals while somebody looks on.
@id("close")
permit (principal in Role::"finance", action == Action::"task.send", resource == Task::"accruals")
when { context.target in Role::"marketing" && context has unattended }
unless { context.unattended || principal.department == context.target.department };

@id("legal-asks")
permit (principal in Role::"legal", action == Action::"task.send", resource);

// HR is left alone.
@id("hr-is-busy")
forbid (principal, action == Action::"task.send", resource) when { context.target in Role::"hr" };

@id("cleared")
permit (principal, action == Action::"session.share", resource)
when { context has dataClasses && context.dataClasses.contains(DataClass::"IBAN") };
`;
const config = (text = POLICIES) => ({ set: compilePolicies({ "policies/a.cedar": text }), orgChart, policyHash });
const engines = [createCedarEngine(config())];
const [engine = createCedarEngine(config())] = engines;
afterAll(() => {
  for (const one of engines) one.close();
});
const explain = (question: PolicyQuestion) => createPolicyExplainer(engine, config()).explain(question);
const ask: PolicyQuestion = {
  action: "task.send",
  principal: somebody("finance"),
  target: somebody("marketing"),
  targetRole: "marketing",
  resource: "accruals",
  context: { unattended: false },
};

describe("explaining a decision", () => {
  it("shows the policies that decided, with the admin's words", () => {
    const { decision, determining, closest } = explain(ask);
    expect(decision.allowed).toBe(true);
    expect(determining).toMatchObject([{ id: "close", words: "Finance asks marketing for accruals while somebody looks on.", line: 3 }]);
    expect(closest).toEqual([]);
    expect(explain({ ...ask, targetRole: "hr" }).determining).toMatchObject([{ id: "hr-is-busy", words: "HR is left alone." }]);
  });

  it.each<[string, Partial<PolicyQuestion>, string[]]>([
    ["the actor's role", { principal: somebody("sales") }, ["who acts has the role finance"]],
    ["the target's role", { targetRole: "sales" }, ["who is acted upon has the role marketing"]],
    ["the resource", { resource: "payroll" }, ["the task is accruals"]],
    ["what is not known", { context: {} }, ["it is known: whether a person looks on", "a person looks on"]],
    ["an unless", { context: { unattended: true } }, ["a person looks on"]],
    [
      "one part of an unless",
      { principal: { ...somebody("finance"), department: "marketing" } },
      ["it is not so that both are of one department"],
    ],
  ])("names for a default deny the condition that failed: %s", (_, change, words) => {
    const { decision, closest } = explain({ ...ask, ...change });
    expect(decision).toMatchObject({ allowed: false, rules: [] });
    const close = closest.find(({ policy }) => policy.id === "close");
    expect(close?.failed.map((one) => one.words)).toEqual(words);
  });

  it("puts the permit first that lacks least", () => {
    expect(explain({ ...ask, principal: somebody("sales"), resource: "payroll" }).closest.map(({ policy }) => policy.id)).toEqual([
      "legal-asks",
      "close",
    ]);
  });

  it("says of a clause only what failed first, since the rest builds on it", () => {
    const question = { action: "session.share", principal: somebody("finance") } as const;
    expect(explain(question).closest[0]?.failed).toEqual([
      { words: "it is known: which classes of data are in it", text: "context has dataClasses" },
    ]);
    const known = { ...question, context: { dataClasses: ["PERSON"] } };
    expect(explain(known).closest[0]?.failed).toMatchObject([{ text: 'context.dataClasses.contains(DataClass::"IBAN")' }]);
  });
});

describe("comparing two sets", () => {
  it("shows the questions whose answer or obligations differ", () => {
    const changed = POLICIES.replace('@id("close")', '@id("close") @rate("3")').replace(
      '@id("legal-asks")\npermit',
      '@id("legal-asks")\nforbid',
    );
    const after = createCedarEngine(config(changed));
    engines.push(after);
    const legal = { ...ask, principal: somebody("legal") };
    const same = { ...ask, principal: somebody("sales") };
    expect(comparePolicies(engine, after, [ask, same, legal])).toMatchObject([
      { question: ask, before: { allowed: true }, after: { allowed: true, obligations: [{ kind: "rate", perMinute: 3 }] } },
      { question: legal, before: { allowed: true }, after: { allowed: false, rules: ["legal-asks"] } },
    ]);
  });
});

describe("unit tests of policies", () => {
  const run = (...tests: object[]) => runPolicyTests(engine, policyTestFile.parse({ tests }).tests, orgChart);
  const test = {
    name: "the close",
    who: { person: "fiona.berg" },
    action: "task.send",
    target: { role: "marketing" },
    resource: "accruals",
    context: { unattended: false },
    expect: "allow",
  };

  it("pass where the policy says what they expect", () => {
    expect(
      run({ ...test, by: ["close"], obligations: [] }, { ...test, target: { role: "hr" }, expect: "deny", by: ["hr-is-busy"] }),
    ).toEqual([]);
  });

  it.each([
    ["the answer", { expect: "deny" }, "expected deny"],
    ["the policy that decides", { by: ["legal-asks"] }, "expected legal-asks to decide; close did"],
    ["the obligations", { obligations: [{ kind: "second-person" }] }, "expected other obligations"],
    ["the person", { who: { person: "nobody" } }, "nobody is not in the org chart"],
  ])("fail where %s is another", (_, change, problem) => {
    expect(run({ ...test, ...change })).toEqual([{ name: "the close", problem: expect.stringContaining(problem) }]);
  });
});
