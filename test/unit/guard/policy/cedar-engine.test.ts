import { afterAll, describe, expect, it } from "vitest";
import { createCedarEngine } from "../../../../guard/policy/cedar-engine.ts";
import { compilePolicies } from "../../../../guard/policy/compile-policies.ts";
import { createEngineKeeper } from "../../../../guard/policy/engine-keeper.ts";
import type { OrgChart } from "../../../../mesh/contract/bundle.ts";
import { sha256Hex } from "../../../../mesh/contract/json.ts";
import type { PolicySet } from "../../../../mesh/contract/policy-set.ts";
import type { PolicyEngine, PolicyQuestion } from "../../../../mesh/contract/ports.ts";

const policyHash = sha256Hex("policy");
const person = (id: string, role: string, manager: string | null) => ({
  id,
  title: role,
  role,
  department: role,
  manager,
  locale: "en-GB",
});
const orgChart: OrgChart = [
  person("edward", "executive", null),
  person("fiona", "finance", "edward"),
  person("pieter", "finance", "fiona"),
  person("marco", "marketing", "edward"),
];
const agent = (subject: string, device = "1") => {
  const { role, department } = orgChart.find(({ id }) => id === subject) ?? { role: "nobody", department: "nowhere" };
  return { agentId: `${subject}-${device}`, subject, role, department };
};
const question: PolicyQuestion = {
  action: "task.send",
  principal: agent("fiona"),
  target: agent("marco"),
  targetRole: "marketing",
  resource: "accruals",
};

const ASK = `@id("ask-accruals")
permit (principal in Role::"finance", action == Action::"task.send", resource == Task::"accruals") when { context.target in Role::"marketing" };`;

const open: { close(): void }[] = [];
/** An engine over these policies, checked as when they are signed. */
function engineOf(...policies: string[]): PolicyEngine {
  return engineOver(compilePolicies({ "policies/all.cedar": policies.join("\n") }));
}
function engineOver(set: PolicySet): PolicyEngine {
  const engine = createCedarEngine({ set, orgChart, policyHash });
  open.push(engine);
  return engine;
}
afterAll(() => {
  for (const engine of open) engine.close();
});
/** A set with a policy that `org sign` would refuse, as a broken or foreign signer might make it. */
const unchecked = (
  ...texts: readonly (readonly [id: string, effect: "permit" | "forbid", text: string, annotations?: Record<string, string>])[]
): PolicySet => ({
  v: 2,
  schema: 1,
  policies: texts.map(([id, effect, text, annotations = {}]) => ({
    id,
    effect,
    text,
    annotations,
    words: "",
    file: "policies/all.cedar",
    line: 1,
    actions: ["task.send"],
  })),
});
const PERMIT_ALL = "permit (principal, action, resource);";

describe("the engine", () => {
  it("asked about the audit's export names no resource, since there is one alone", () => {
    const asked = { ...question, action: "audit.export" as const, resource: "export" };
    expect(engineOf('@id("other") permit (principal, action == Action::"notify.send", resource);').decide(asked).reason).toBe(
      "No policy lets finance do audit.export to marketing.",
    );
  });

  it("denies what no policy permits, and says so in words", () => {
    expect(engineOf('@id("other") permit (principal, action == Action::"notify.send", resource);').decide(question)).toEqual({
      allowed: false,
      rules: [],
      reason: "No policy lets finance do task.send (a name that no policy has) to marketing.",
      policyHash,
      risk: 20,
    });
  });

  it("permits what a policy permits, and names it", () => {
    expect(engineOf(ASK).decide(question)).toEqual({
      allowed: true,
      rules: ["ask-accruals"],
      reason: "The policy lets finance do task.send accruals to marketing (ask-accruals).",
      policyHash,
      risk: 20,
    });
  });

  it.each<[string, Partial<PolicyQuestion>]>([
    ["action", { action: "task.run" }],
    ["principal's role", { principal: agent("marco") }],
    ["target's role", { targetRole: "hr" }],
    ["resource", { resource: "payroll" }],
  ])("denies where the %s differs", (_, change) => {
    expect(engineOf(ASK).decide({ ...question, ...change }).allowed).toBe(false);
  });

  it("denies where a policy names a target or a resource and the question has none", () => {
    const { target: _, targetRole: __, ...noTarget } = question;
    const { resource: ___, ...noResource } = question;
    expect(engineOf(ASK).decide(noTarget).allowed).toBe(false);
    expect(engineOf(ASK).decide(noResource).allowed).toBe(false);
  });

  it("lets a forbid beat every permit", () => {
    const forbid = '@id("never") forbid (principal, action in Action::"task", resource) when { context.target in Role::"marketing" };';
    expect(engineOf(ASK, forbid).decide(question)).toMatchObject({ allowed: false, rules: ["never"] });
  });

  it("knows the groups of actions: a forbid of all that has to do with tasks forbids each", () => {
    const engine = engineOf(
      '@id("any") permit (principal, action, resource);',
      '@id("no-tasks") forbid (principal, action in Action::"task", resource);',
    );
    for (const action of ["task.send", "task.receive", "task.run"] as const) {
      expect(engine.decide({ ...question, action }), action).toMatchObject({ allowed: false, rules: ["no-tasks"] });
    }
    expect(engine.decide({ ...question, action: "notify.send" }).allowed).toBe(true);
  });

  it("knows whom somebody reports to, and gives nobody their manager's role", () => {
    const team = '@id("team") permit (principal in Person::"fiona", action == Action::"task.send", resource);';
    expect(engineOf(team).decide({ ...question, principal: agent("pieter") }).allowed).toBe(true);
    expect(engineOf(team).decide({ ...question, principal: agent("marco") }).allowed).toBe(false);
    const top = '@id("top") permit (principal in Person::"edward", action == Action::"task.send", resource);';
    expect(engineOf(top).decide({ ...question, principal: agent("pieter") }).allowed).toBe(true);
    const bosses = '@id("bosses") permit (principal in Role::"executive", action == Action::"task.send", resource);';
    expect(engineOf(bosses).decide(question).allowed).toBe(false);
  });

  it("takes the role that the credential says, whatever the org chart or the target says", () => {
    const self = { ...agent("fiona"), role: "marketing" };
    const asExecutive = { ...agent("fiona"), role: "executive" };
    const engine = engineOf('@id("x") permit (principal in Role::"executive", action == Action::"task.send", resource);');
    expect(engine.decide({ ...question, principal: self, target: asExecutive, targetRole: "executive" }).allowed).toBe(false);
  });

  it("survives an org chart that goes in a circle", () => {
    const set = compilePolicies({ "policies/a.cedar": ASK });
    const engine = createCedarEngine({
      set,
      policyHash,
      orgChart: [person("fiona", "finance", "pieter"), person("pieter", "finance", "fiona")],
    });
    expect(engine.decide(question).rules).toEqual(["ask-accruals"]);
    engine.close();
  });
});

describe("what fails is a no", () => {
  it("also where Cedar would skip it: a forbid that can't be evaluated forbids", () => {
    const failing = "forbid (principal, action, resource) when { principal.person.salary > 10 };";
    const decision = engineOver(unchecked(["all", "permit", PERMIT_ALL], ["broken", "forbid", failing])).decide(question);
    expect(decision).toMatchObject({ allowed: false, rules: ["broken"] });
    expect(decision.reason).not.toContain("salary");
  });

  it("also where only a permit beside the one that allows can't be evaluated", () => {
    const failing = "permit (principal, action, resource) when { context.nothing };";
    expect(engineOver(unchecked(["all", "permit", PERMIT_ALL], ["broken", "permit", failing])).decide(question).allowed).toBe(false);
  });

  it.each<[string, PolicySet]>([
    ["is not Cedar", unchecked(["all", "permit", PERMIT_ALL], ["none", "permit", "permit (everybody);"])],
    ["has another schema", { ...unchecked(["all", "permit", PERMIT_ALL]), schema: 99 }],
    ["is not a set", { v: 1, allow: [], deny: [] } as unknown as PolicySet],
    ["has an id twice", unchecked(["all", "permit", PERMIT_ALL], ["all", "permit", PERMIT_ALL])],
  ])("denies everything where the set %s", (_, set) => {
    expect(engineOver(set).decide(question)).toMatchObject({ allowed: false, rules: [], policyHash });
  });

  it("denies what a permit allows whose annotation is not understood", () => {
    const set = unchecked(["later", "permit", PERMIT_ALL, { id: "later", witness: "notary" }]);
    expect(engineOver(set).decide(question)).toMatchObject({ allowed: false, rules: ["later"] });
  });

  it("never throws, whatever it is asked", () => {
    const engine = engineOver(unchecked(["all", "permit", PERMIT_ALL]));
    expect(engine.decide(question).allowed).toBe(true);
    const trap = new Proxy(question, {
      get() {
        throw new Error("maria.silva@example.com");
      },
    });
    for (const asked of [trap, null, {}, { ...question, action: "task.fly" }, { ...question, resource: 7 }]) {
      const decision = engine.decide(asked as unknown as PolicyQuestion);
      expect(decision).toMatchObject({ allowed: false, policyHash });
      expect(decision.reason).not.toContain("maria");
    }
  });

  it("says no text of a user's in a reason", () => {
    const engine = engineOf(ASK);
    const told = engine.decide({
      ...question,
      resource: "maria-silva",
      targetRole: "maria-silva",
      principal: { ...agent("fiona"), role: "maria-silva" },
    });
    expect(told.reason).toBe("No policy lets this role do task.send (a name that no policy has) to another role.");
  });

  it("denies everything once it is closed", () => {
    const engine = createCedarEngine({ set: unchecked(["all", "permit", PERMIT_ALL]), orgChart, policyHash });
    expect(engine.decide(question).allowed).toBe(true);
    engine.close();
    expect(engine.decide(question)).toMatchObject({ allowed: false, rules: [] });
  });

  it("follows a change of the set or of the org chart, and keeps the engine otherwise", () => {
    const keeper = createEngineKeeper();
    const all = { set: unchecked(["all", "permit", PERMIT_ALL]), orgChart, policyHash };
    const engine = keeper.engineFor(all);
    expect(keeper.engineFor({ ...all })).toBe(engine);
    const next = keeper.engineFor({ ...all, orgChart: [] });
    expect([next === engine, engine.decide(question).allowed, next.decide(question).allowed]).toEqual([false, false, true]);
  });
});

describe("what goes with a yes", () => {
  const permit = (id: string, annotations: string) =>
    `@id("${id}") ${annotations} permit (principal, action == Action::"task.send", resource);`;

  it("is what the annotations of every permit that applies say, united", () => {
    const engine = engineOf(
      permit("a", '@mask("IBAN, CARD") @rate("30") @log("full") @approval("executive")'),
      permit("b", '@mask("CARD,PERSON") @rate("10") @log("metadata") @second_person'),
      permit("c", "").replace("resource)", 'resource == Task::"other")'),
    );
    expect(engine.decide(question)).toMatchObject({
      allowed: true,
      rules: ["a", "b"],
      obligations: [
        { kind: "mask", classes: ["CARD", "IBAN", "PERSON"] },
        { kind: "approval", role: "executive" },
        { kind: "second-person" },
        { kind: "rate", perMinute: 10 },
        { kind: "log", level: "metadata" },
      ],
    });
  });

  it("of approvals by one role is the largest quorum and the shortest time, and up the org chart only where all let it", () => {
    const obligations = (...annotations: string[]) =>
      engineOf(...annotations.map((one, i) => permit(`p${i}`, `@approval("executive") ${one}`))).decide(question).obligations;
    const up = '@approval_deadline("2d") @approval_escalates';
    const HOUR = 3_600_000;
    expect(obligations(up)).toEqual([{ kind: "approval", role: "executive", withinMs: 48 * HOUR, escalates: true }]);
    expect(obligations(up, '@approval_quorum("3") @approval_deadline("90m")', '@approval_quorum("2")')).toEqual([
      { kind: "approval", role: "executive", quorum: 3, withinMs: 1.5 * HOUR },
    ]);
    expect(obligations(up, up)).toEqual(obligations(up));
    expect(obligations("")).toEqual([{ kind: "approval", role: "executive" }]);
  });

  it("is kept where only one of the permits names a tool that widens a session", () => {
    const any = '@id("any") @rate("5") permit (principal, action == Action::"tool.call", resource);';
    const named = '@id("named") @widens("delegate") permit (principal, action == Action::"tool.call", resource == Tool::"delegate");';
    const call = { action: "tool.call", principal: agent("fiona"), resource: "delegate" } as const;
    expect(engineOf(any).decide(call)).toMatchObject({ allowed: false, rules: [] });
    expect(engineOf(any, named).decide(call)).toMatchObject({ allowed: true, obligations: [{ kind: "rate", perMinute: 5 }] });
  });

  it("is nothing for a no", () => {
    const forbid = '@id("never") forbid (principal, action == Action::"task.send", resource);';
    expect(engineOf(permit("a", '@rate("1")'), forbid).decide(question)).not.toHaveProperty("obligations");
  });

  it("is a risk: the highest of the policies that decide, and what the circumstances add", () => {
    const risk = (change: Partial<PolicyQuestion>, ...policies: string[]) =>
      engineOf(...policies).decide({ ...question, target: {}, ...change }).risk;
    expect(risk({}, permit("a", ""))).toBe(10);
    expect(risk({}, permit("a", '@risk("30")'), permit("b", '@risk("40")'))).toBe(40);
    expect(risk({ context: { unattended: true } }, permit("a", '@risk("40")'))).toBe(50);
    expect(risk({ target: agent("marco") }, permit("a", '@risk("40")'))).toBe(50);
    expect(risk({ context: { dataClasses: ["IBAN"] } }, permit("a", '@risk("40")'))).toBe(50);
    expect(risk({ context: { dataClasses: ["SECRET"], local: false } }, permit("a", '@risk("40")'))).toBe(80);
    expect(risk({ context: { dataClasses: ["SECRET"], unattended: true } }, permit("a", '@risk("90")'))).toBe(100);
  });
});

describe("separation of duties", () => {
  const rules = [
    '@id("decide") permit (principal, action == Action::"approval.decide", resource);',
    '@id("own") forbid (principal, action == Action::"approval.decide", resource) when { principal.person == context.target.person };',
    `@id("part") forbid (principal, action == Action::"approval.decide", resource)
     when { context has participants && context.participants.contains(principal.person) };`,
  ];
  const decide = (principal: ReturnType<typeof agent>, participants: string[]) =>
    engineOf(...rules).decide({ action: "approval.decide", principal, target: agent("fiona"), context: { participants } });

  it("counts people, not devices", () => {
    expect(decide(agent("fiona", "phone"), [])).toMatchObject({ allowed: false, rules: ["own"] });
    expect(decide(agent("edward", "phone"), ["fiona", "edward"])).toMatchObject({ allowed: false, rules: ["part"] });
    expect(decide(agent("edward"), ["fiona"])).toMatchObject({ allowed: true });
  });
});
