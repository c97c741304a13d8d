/** A yes with obligations counts only where they are kept. */
import { expect, test } from "vitest";
import type { Obligation, PolicyEngine, PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import { decisionDetails } from "../../../../mesh/enforcement/decision-details.ts";
import { keepObligations } from "../../../../mesh/enforcement/keep-obligations.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const HASH = "d".repeat(64);
const asks = (subject = "fiona.berg", more: Partial<PolicyQuestion> = {}): PolicyQuestion => ({
  action: "task.send",
  principal: { agentId: "12D3KooWfiona", subject, role: "finance", department: "finance" },
  ...more,
});
const obliges = (...obligations: Obligation[]): PolicyEngine => ({
  decide: () => ({ allowed: true, rules: ["r1"], reason: "r1 allows it.", policyHash: HASH, obligations }),
});
const kept = (...obligations: Obligation[]) => {
  const clock = createVirtualClock();
  return { clock, engine: keepObligations(obliges(...obligations), { clock }) };
};

test("a no stays a no, and a yes without obligations a yes", () => {
  const { engine } = kept();
  expect(engine.decide(asks()).allowed).toBe(true);
  const no = { decide: () => ({ allowed: false, rules: [], reason: "no", policyHash: HASH }) };
  expect(keepObligations(no, { clock: createVirtualClock() }).decide(asks()).allowed).toBe(false);
});

test.each([{ kind: "mask", classes: ["EMAIL"] } as const, { kind: "approval", role: "executive" } as const])(
  "an obligation to $kind is a deny where the asker does not keep it, and left to an asker who does",
  (obligation) => {
    const { engine } = kept(obligation);
    expect(engine.decide(asks())).toMatchObject({ allowed: false, rules: ["r1"] });
    expect(engine.decide(asks(), { keeps: [obligation.kind] })).toMatchObject({ allowed: true, obligations: [obligation] });
    const other = obligation.kind === "mask" ? "approval" : "mask";
    expect(engine.decide(asks(), { keeps: [other] }).allowed).toBe(false);
  },
);

test("an obligation of a kind that is not known is a deny", () => {
  const { engine } = kept({ kind: "blood-oath" } as unknown as Obligation);
  expect(engine.decide(asks(), { keeps: ["mask", "approval"] })).toMatchObject({
    allowed: false,
    reason: expect.stringContaining("Update"),
  });
});

test("a second person is another subject, not another device of the same", () => {
  const { engine } = kept({ kind: "second-person" });
  expect(engine.decide(asks()).allowed).toBe(false);
  expect(engine.decide(asks("fiona.berg", { context: { participants: ["fiona.berg", "fiona.berg"] } })).allowed).toBe(false);
  expect(engine.decide(asks("fiona.berg", { context: { participants: ["fiona.berg", "edward.lindqvist"] } })).allowed).toBe(true);
});

test("a rate counts acts of one person, lets the next one through in time, and says when", async () => {
  const { engine, clock } = kept({ kind: "rate", perMinute: 2 });
  expect([1, 2, 3].map(() => engine.decide(asks()).allowed)).toEqual([true, true, false]);
  expect(engine.decide(asks()).retryAfterMs).toBe(30_000);
  expect(engine.decide(asks("marco.diaz")).allowed).toBe(true);
  expect(engine.decide(asks("fiona.berg", { action: "notify.send" })).allowed).toBe(true);
  await clock.advance(30_000);
  expect([1, 2].map(() => engine.decide(asks()).allowed)).toEqual([true, false]);
});

test("looking without acting counts in no rate", () => {
  const { engine } = kept({ kind: "rate", perMinute: 1 });
  for (let i = 0; i < 5; i++) expect(engine.decide(asks(), { counts: false }).allowed).toBe(true);
  expect([engine.decide(asks()).allowed, engine.decide(asks()).allowed]).toEqual([true, false]);
});

test("the audit tells rules, policy set, risk and obligations, and the circumstances only where policy wants the full story", () => {
  const question = asks("fiona.berg", { resource: "accruals", context: { dataClasses: ["IBAN"], unattended: false } });
  const decision = { allowed: true, rules: ["a", "b"], reason: "", policyHash: HASH, risk: 40.4 };
  const brief = decisionDetails({ ...decision, obligations: [{ kind: "mask", classes: ["IBAN", "EMAIL"] }] }, question);
  expect(brief).toEqual({
    policy: "allow",
    rules: "a,b",
    policyHash: HASH,
    risk: 40,
    obligations: "mask:IBAN+EMAIL",
    asked: "task.send",
    resource: "accruals",
  });
  const full = decisionDetails({ ...decision, obligations: [{ kind: "log", level: "full" }] }, question);
  expect(full).toMatchObject({ dataClasses: "IBAN", unattended: false, obligations: "log:full" });
});
