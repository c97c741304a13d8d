import { describe, expect, it } from "vitest";
import { compilePolicies } from "../../../../guard/policy/compile-policies.ts";
import { loadCedar } from "../../../../guard/policy/cedar.ts";
import { ACTION_GROUPS, readPolicySchema, RESOURCE_TYPE } from "../../../../guard/policy/policy-schema.ts";
import { policyAction } from "../../../../mesh/contract/bundle.ts";
import { DATA_CLASSES } from "../../../../mesh/contract/data-class.ts";

const code = (message: string) => expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(message) });
const names = { roles: new Set(["finance"]), departments: new Set(["finance"]), people: new Set(["fiona.berg"]) };
const compile = (text: string) =>
  compilePolicies(
    { "policies/first.cedar": '@id("z") permit (principal, action == Action::"api.call", resource);', "policies/second.cedar": text },
    names,
  );

describe("compiling policies", () => {
  it("keeps id, place, actions, annotations and the comment above, and orders by id", () => {
    const set = compile(`// The file.

// Finance asks
// for accruals.
@id("b") @rate("3") @second_person
permit (principal in Role::"finance", action in Action::"task", resource);
@id("a")
forbid (principal, action, resource == Task::"x") when { context.target in Person::"fiona.berg" };
`);
    expect(set).toMatchObject({ v: 2, schema: 1 });
    expect(set.policies.map(({ id }) => id)).toEqual(["a", "b", "z"]);
    const [a, b] = set.policies;
    expect(a).toMatchObject({ effect: "forbid", actions: policyAction.options, file: "policies/second.cedar", line: 7, words: "" });
    expect(b).toMatchObject({
      effect: "permit",
      actions: ["task.receive", "task.run", "task.send"],
      line: 5,
      words: "Finance asks for accruals.",
      annotations: { id: "b", rate: "3", second_person: "" },
    });
    expect(b?.text).toContain('principal in Role::"finance"');
  });

  it.each([
    ["what is not Cedar", '\n\n@id("a") permit (principal, action, resource) whenever { true };', "policies/second.cedar, line 3"],
    ["a policy without an id", "\npermit (principal, action, resource);", "line 2: the policy needs an id"],
    ["an id that is none", '@id("Not OK") permit (principal, action, resource);', "needs an id"],
    ["an id twice", '@id("z") permit (principal, action, resource);', "policies/first.cedar, line 1 has the id z too"],
    ["an attribute that the schema lacks", '@id("a") permit (principal, action, resource)\nwhen {\n principal.salary == 3 };', "line 3"],
    [
      "an unknown that is not asked for",
      '@id("a") permit (principal, action == Action::"api.call", resource) when { context.unattended };',
      "line 1",
    ],
    ["an action that the schema lacks", '@id("a") permit (principal, action == Action::"task.fly", resource);', "line 1"],
    [
      "a data class that the guard lacks",
      '@id("a") permit (principal, action == Action::"data.release", resource == DataClass::"SALARY");',
      "line 1",
    ],
    ["a policy that never applies", '@id("a") permit (principal, action == Action::"api.call", resource == Task::"x");', "line 1"],
    ["a role that the organisation lacks", '@id("a") permit (principal in Role::"finanec", action, resource);', "there is no role finanec"],
    ["a person that the org chart lacks", '@id("a") permit (principal in Person::"fiona", action, resource);', "there is no person fiona"],
    ["a department that there is not", '@id("a") permit (principal in Department::"hr", action, resource);', "there is no department hr"],
    ["an approver's role that there is not", '@id("a") @approval("ceo") permit (principal, action, resource);', "there is no role ceo"],
    [
      "an annotation that is not understood",
      '@id("a") @witness("x") permit (principal, action, resource);',
      "there is no annotation @witness",
    ],
    ["an obligation of a forbid", '@id("a") @mask("IBAN") forbid (principal, action, resource);', "@mask goes with a permit"],
    ["a class to mask that there is not", '@id("a") @mask("SALARY") permit (principal, action, resource);', "@mask has a value"],
    ["a rate of none", '@id("a") @rate("0") permit (principal, action, resource);', "@rate has a value"],
    ["a risk beyond 100", '@id("a") @risk("101") permit (principal, action, resource);', "@risk has a value"],
    ["a level of logging that there is not", '@id("a") @log("none") permit (principal, action, resource);', "@log has a value"],
    ["a second person with a value", '@id("a") @second_person("x") permit (principal, action, resource);', "@second_person has a value"],
    [
      "a quorum of one",
      '@id("a") @approval("executive") @approval_quorum("1") permit (principal, action, resource);',
      "@approval_quorum has a value",
    ],
    [
      "a quorum of more than can sign",
      '@id("a") @approval("executive") @approval_quorum("9") permit (principal, action, resource);',
      "@approval_quorum has a value",
    ],
    [
      "a deadline without a unit",
      '@id("a") @approval("executive") @approval_deadline("24") permit (principal, action, resource);',
      "@approval_deadline has a value",
    ],
    [
      "a deadline beyond 90 days",
      '@id("a") @approval("executive") @approval_deadline("91d") permit (principal, action, resource);',
      "@approval_deadline has a value",
    ],
    ["a quorum of no approval", '@id("a") @approval_quorum("2") permit (principal, action, resource);', "go with @approval"],
    [
      "an escalation without a time",
      '@id("a") @approval("executive") @approval_escalates permit (principal, action, resource);',
      "@approval_escalates goes with @approval_deadline",
    ],
    ["a template", '@id("a") permit (principal == ?principal, action, resource);', "a template"],
  ])("refuses %s, with file and line", (_, text, message) => {
    expect(() => compile(text)).toThrow(code(message));
    expect(() => compile(text)).toThrow(code("policies/second.cedar, line"));
  });
});

it("refuses a policy that agents would not take, since it is too long", () => {
  const long = `@id("a") permit (principal, action == Action::"api.call", resource) when { resource == Route::"${"x".repeat(20_000)}" };`;
  expect(() => compile(long)).toThrow(code("The policy set"));
});

describe("the schema", () => {
  const answer = loadCedar().schemaToJsonWithResolvedTypes(readPolicySchema());
  if (answer.type !== "success") throw new Error("the schema is not valid");
  const { actions = {}, entityTypes = {} } = answer.json[""] ?? {};

  it("has every action that policy decides on, about the kind of resource that the engine says, and its groups", () => {
    const asked = Object.entries(actions).filter(([, { appliesTo }]) => (appliesTo?.resourceTypes.length ?? 0) > 0);
    expect(Object.fromEntries(asked.map(([name, { appliesTo }]) => [name, appliesTo?.resourceTypes]))).toEqual(
      Object.fromEntries(policyAction.options.map((action) => [action, [RESOURCE_TYPE[action]]])),
    );
    for (const [group, members] of Object.entries(ACTION_GROUPS)) {
      const inGroup = asked.filter(([, { memberOf = [] }]) => memberOf.some(({ id }) => id === group)).map(([name]) => name);
      expect(inGroup.sort(), group).toEqual([...members].sort());
    }
    expect(Object.keys(actions).sort()).toEqual([...policyAction.options, ...Object.keys(ACTION_GROUPS)].sort());
  });

  it("has every class that the guard finds", () => {
    expect(entityTypes["DataClass"]).toMatchObject({ enum: [...DATA_CLASSES] });
  });
});
