import { expect, it } from "vitest";
import { rememberDecisions } from "../../../../guard/policy/remember-decisions.ts";
import type { PolicyDecision, PolicyQuestion } from "../../../../mesh/contract/ports.ts";

const principal = { agentId: "a", subject: "fiona.berg", role: "finance", department: "finance" };
const question: PolicyQuestion = {
  action: "task.send",
  principal,
  targetRole: "hr",
  resource: "payroll",
  context: { dataClasses: ["IBAN"] },
};

/** An engine that counts, with the given answers in turn; the last one stays. */
function engineOf(...answers: Pick<PolicyDecision, "allowed" | "rules">[]) {
  let asked = 0;
  const decide = (): PolicyDecision => {
    const decision = answers[Math.min(asked++, answers.length - 1)];
    return { allowed: false, rules: [], ...decision, reason: "", policyHash: "h" };
  };
  return { engine: rememberDecisions({ decide, close: () => undefined }), asked: () => asked };
}

it.each([
  ["a yes", { allowed: true, rules: ["permit"] }],
  ["a no of a policy", { allowed: false, rules: ["forbid"] }],
])("%s is given again without asking, to the same question alone", (_what, decision) => {
  const { engine, asked } = engineOf(decision);
  for (let i = 0; i < 3; i++) expect(engine.decide(question)).toMatchObject(decision);
  expect(asked()).toBe(1);
  const others: PolicyQuestion[] = [
    { ...question, action: "task.run" },
    { ...question, principal: { ...principal, agentId: "b" } },
    { ...question, targetRole: "legal" },
    { ...question, target: { subject: "hanna.okoye" } },
    { ...question, resource: "accruals" },
    { ...question, context: { dataClasses: ["IBAN", "CARD"] } },
    { ...question, context: { dataClasses: ["IBAN"], unattended: true } },
  ];
  for (const other of others) engine.decide(other);
  expect(asked()).toBe(1 + others.length);
});

it("a no without a policy, which a failure may have said, is asked again", () => {
  const { engine, asked } = engineOf({ allowed: false, rules: [] }, { allowed: true, rules: ["permit"] });
  expect([engine.decide(question).allowed, engine.decide(question).allowed, asked()]).toEqual([false, true, 2]);
});

it("keeps no more than its room takes, and nothing once it is closed", () => {
  const { engine, asked } = engineOf({ allowed: true, rules: ["permit"] });
  const ask = (i: number) => engine.decide({ ...question, resource: `skill-${i}` });
  for (let i = 0; i <= 2_000; i++) ask(i);
  ask(2_000);
  expect(asked()).toBe(2_001);
  ask(0);
  expect(asked()).toBe(2_002);
  engine.close();
  ask(2_000);
  expect(asked()).toBe(2_003);
});
