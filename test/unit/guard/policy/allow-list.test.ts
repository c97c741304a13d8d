import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PolicySet, policyAction } from "../../../../mesh/contract/bundle.ts";
import type { PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import { sha256Hex } from "../../../../mesh/contract/json.ts";
import { agentIdOf } from "../../../../mesh/identity/keys.ts";
import { createAllowListEngine } from "../../../../guard/policy/allow-list.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";

const hash = sha256Hex("policy");
const principal = (role: string) => ({ agentId: agentIdOf(seededSigner(role).publicJwk), subject: "ada", role, department: role });
const question: PolicyQuestion = { action: "task.send", principal: principal("finance"), targetRole: "marketing", resource: "accruals" };
const set = (change: Partial<PolicySet>): PolicySet => ({ v: 1, allow: [], deny: [], ...change });
const permit = {
  id: "ask-accruals",
  actions: ["task.send" as const],
  principalRoles: ["finance"],
  targetRoles: ["marketing"],
  resources: ["accruals"],
};

describe("the allow-list", () => {
  it("denies what no rule permits, and says so in words", () => {
    const decision = createAllowListEngine(set({}), hash).decide(question);
    expect(decision).toEqual({
      allowed: false,
      rules: [],
      reason: "No rule of the policy lets finance do task.send accruals to marketing.",
      policyHash: hash,
    });
  });

  it("permits what a rule permits, and names the rule", () => {
    const decision = createAllowListEngine(set({ allow: [permit] }), hash).decide(question);
    expect(decision).toMatchObject({ allowed: true, rules: ["ask-accruals"], policyHash: hash });
  });

  it.each([
    ["action", { action: "task.run" as const }],
    ["principal's role", { principal: principal("marketing") }],
    ["target's role", { targetRole: "hr" }],
    ["resource", { resource: "payroll" }],
  ])("denies where the %s differs", (_, change) => {
    expect(createAllowListEngine(set({ allow: [permit] }), hash).decide({ ...question, ...change }).allowed).toBe(false);
  });

  it("denies where the rule names targets or resources and the question has none", () => {
    const engine = createAllowListEngine(set({ allow: [permit] }), hash);
    const { targetRole: _, ...noTarget } = question;
    const { resource: __, ...noResource } = question;
    expect(engine.decide(noTarget).allowed).toBe(false);
    expect(engine.decide(noResource).allowed).toBe(false);
  });

  it("takes a star, and a list that is left out, as anything", () => {
    const rule = { id: "any", actions: ["task.send" as const], principalRoles: ["*"] };
    expect(createAllowListEngine(set({ allow: [rule] }), hash).decide(question).allowed).toBe(true);
  });

  it("lets a deny beat every allow", () => {
    const deny = { id: "never", actions: ["task.send" as const], targetRoles: ["marketing"] };
    expect(createAllowListEngine(set({ allow: [permit], deny: [deny] }), hash).decide(question)).toMatchObject({
      allowed: false,
      rules: ["never"],
    });
  });

  it("denies everything where the set is not valid or the question makes it fail", () => {
    const broken = { v: 1, allow: [{ id: "X", actions: ["everything"] }], deny: [] } as unknown as PolicySet;
    expect(createAllowListEngine(broken, hash).decide(question).allowed).toBe(false);
    const any = createAllowListEngine(set({ allow: [{ id: "any", actions: ["task.send"] }] }), hash);
    const trap = new Proxy(question, {
      get() {
        throw new Error("boom");
      },
    });
    expect(any.decide(trap)).toMatchObject({ allowed: false, policyHash: hash });
    expect(any.decide(null as unknown as PolicyQuestion).allowed).toBe(false);
  });

  it("never permits more by a further deny, nor less by a further allow", () => {
    const roles = fc.constantFrom("finance", "marketing", "hr");
    const names = fc.option(fc.array(fc.oneof(roles, fc.constant("*")), { maxLength: 2 }), { nil: undefined });
    const rule = fc
      .record({
        actions: fc.array(fc.constantFrom(...policyAction.options), { minLength: 1, maxLength: 3 }),
        principalRoles: names,
        targetRoles: names,
      })
      .map(({ actions, ...lists }) => ({
        id: "rule",
        actions,
        ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list !== undefined)),
      }));
    const asked = fc.record({ action: fc.constantFrom(...policyAction.options), principal: roles.map(principal), targetRole: roles });
    fc.assert(
      fc.property(fc.array(rule), fc.array(rule), rule, asked, (allow, deny, more, q) => {
        const before = createAllowListEngine(set({ allow, deny }), hash).decide(q).allowed;
        const afterDeny = createAllowListEngine(set({ allow, deny: [...deny, more] }), hash).decide(q).allowed;
        const afterAllow = createAllowListEngine(set({ allow: [...allow, more], deny }), hash).decide(q).allowed;
        expect(afterDeny && !before).toBe(false);
        expect(before && !afterAllow).toBe(false);
      }),
    );
  });
});
