import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { loadCedar } from "../../../../guard/policy/cedar.ts";
import { createCedarEngine } from "../../../../guard/policy/cedar-engine.ts";
import { compilePolicies } from "../../../../guard/policy/compile-policies.ts";
import { readPolicySchema, RESOURCE_TYPE } from "../../../../guard/policy/policy-schema.ts";
import { cedarRequest, peopleOf } from "../../../../guard/policy/request.ts";
import { policyAction } from "../../../../mesh/contract/bundle.ts";
import { DATA_CLASSES } from "../../../../mesh/contract/data-class.ts";
import type { PolicyQuestion } from "../../../../mesh/contract/ports.ts";

const role = fc.constantFrom("finance", "marketing", "hr");
const subject = fc.constantFrom("ada", "ben", "cem", "nobody");
const principal = fc.record({ agentId: fc.constantFrom("1", "2"), subject, role, department: role });
const orgChart = ["ada", "ben", "cem"].map((id, i, all) => ({
  id,
  title: "T",
  role: "hr",
  department: "hr",
  locale: "en-GB",
  manager: all[i - 1] ?? null,
}));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const question: fc.Arbitrary<PolicyQuestion> = fc
  .record({
    action: fc.constantFrom(...policyAction.options),
    principal,
    target: maybe(principal),
    targetRole: maybe(role),
    resource: maybe(fc.constantFrom("accruals", "shell")),
    context: maybe(
      fc.record({
        dataClasses: maybe(fc.subarray([...DATA_CLASSES])),
        unattended: maybe(fc.boolean()),
        participants: maybe(fc.array(subject)),
        local: maybe(fc.boolean()),
        recipeHash: maybe(fc.constant("a".repeat(64))),
      }),
    ),
  })
  .map((asked) => withoutUndefined(asked) as PolicyQuestion);

const withoutUndefined = (value: object): object =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([name, each]) => [name, name === "context" ? withoutUndefined(each as object) : each]),
  );

describe("a question as Cedar is asked it", () => {
  it("is what the schema says, whatever is known of it", () => {
    const cedar = loadCedar();
    const policies = { staticPolicies: "permit (principal, action, resource);" };
    fc.assert(
      fc.property(question, (asked) => {
        const known = { ...asked, ...ENUMS[RESOURCE_TYPE[asked.action]] };
        const request = cedarRequest(known, peopleOf(orgChart));
        const answer = cedar.isAuthorized({ ...request, policies, schema: readPolicySchema(), validateRequest: true });
        expect(answer).toMatchObject({ type: "success", response: { decision: "allow" } });
      }),
      { numRuns: 60 },
    );
  });
});

/** Resources of which the schema lists all: the unknown one is none of them, and no policy can name it. */
const ENUMS: Readonly<Record<string, { resource: string }>> = { Text: { resource: "own" }, DataClass: { resource: "IBAN" } };

describe("a set of policies", () => {
  const engines: { close(): void }[] = [];
  afterAll(() => {
    for (const engine of engines) engine.close();
  });
  const scope = fc.record({
    effect: fc.constantFrom("permit", "forbid"),
    who: maybe(role),
    whom: maybe(role),
    what: maybe(fc.constantFrom("accruals", "shell")),
  });
  const POOL = fc.sample(scope, { numRuns: 12, seed: 5 }).map(({ effect, who, whom, what }, i) => {
    const conditions = [whom && `context.target in Role::"${whom}"`, what && `resource == Task::"${what}"`].filter(Boolean).join(" && ");
    const body = `(principal${who ? ` in Role::"${who}"` : ""}, action == Action::"task.send", resource)${conditions ? ` when { ${conditions} }` : ""};`;
    return { effect, text: `@id("p${i}") ${effect} ${body}` };
  });
  const allowed = (policies: readonly { text: string }[], asked: PolicyQuestion): boolean => {
    const set = compilePolicies({ "policies/a.cedar": policies.map(({ text }) => text).join("\n") });
    const engine = createCedarEngine({ set, orgChart, policyHash: "0".repeat(64) });
    engines.push(engine);
    return engine.decide(asked).allowed;
  };

  it("answers in parts by action and role as Cedar does for all policies at once", () => {
    const set = compilePolicies({ "policies/a.cedar": POOL.map(({ text }) => text).join("\n") });
    const engine = createCedarEngine({ set, orgChart, policyHash: "0".repeat(64) });
    engines.push(engine);
    const all = { staticPolicies: Object.fromEntries(set.policies.map(({ id, text }) => [id, text])) };
    expect(new Set(set.policies.map((policy) => policy.role)).size).toBeGreaterThan(2);
    fc.assert(
      fc.property(question, (asked) => {
        const answer = loadCedar().isAuthorized({ ...cedarRequest(asked, peopleOf(orgChart)), policies: all });
        if (answer.type !== "success") throw new Error("Cedar failed");
        const { decision, diagnostics } = answer.response;
        expect(engine.decide(asked)).toMatchObject({ allowed: decision === "allow", rules: [...diagnostics.reason].sort() });
      }),
      { numRuns: 300 },
    );
  });

  it("never permits more by a further forbid, nor less by a further permit", () => {
    fc.assert(
      fc.property(fc.subarray(POOL, { maxLength: 5 }), fc.constantFrom(...POOL), question, (some, more, asked) => {
        const sending = { ...asked, action: "task.send" as const };
        const before = allowed(some, sending);
        const after = allowed([...some.filter((one) => one !== more), more], sending);
        if (!some.includes(more)) expect(more.effect === "forbid" ? after && !before : before && !after).toBe(false);
      }),
      { numRuns: 25 },
    );
  });
});
