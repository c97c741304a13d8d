import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createCedarEngine } from "../../../../guard/policy/cedar-engine.ts";
import { compilePolicies } from "../../../../guard/policy/compile-policies.ts";
import { type AllowList, fromAllowList } from "../../../../guard/policy/from-allow-list.ts";
import type { PolicyQuestion } from "../../../../mesh/contract/ports.ts";

const ACTIONS = ["task.send", "task.run", "tool.call", "notify.send"] as const;
const ROLES = ["finance", "marketing"];
const RESOURCES = ["accruals", "shell", "delegate"];
const names = (from: readonly string[]) => fc.option(fc.subarray([...from, "*"], { minLength: 1 }), { nil: undefined });
const rule = fc
  .record({
    actions: fc.subarray([...ACTIONS], { minLength: 1 }),
    principalRoles: names(ROLES),
    targetRoles: names(ROLES),
    resources: names(RESOURCES),
  })
  .map(({ actions, ...lists }) => ({ actions, ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list !== undefined)) }));
const list: fc.Arbitrary<AllowList> = fc
  .record({ allow: fc.array(rule, { minLength: 1, maxLength: 4 }), deny: fc.array(rule, { maxLength: 2 }) })
  .map(({ allow, deny }) => ({
    v: 1,
    allow: allow.map((one, i) => ({ id: `allow-${i}`, ...one })),
    deny: deny.map((one, i) => ({ id: `deny-${i}`, ...one })),
  }));

/** What the allow-list said: a list that is left out matches anything, a star too; what widens a session has to be named. */
function saidBefore({ allow, deny }: AllowList, { action, principal, targetRole, resource }: PolicyQuestion): boolean {
  const fits = (of: readonly string[] | undefined, value: string | undefined) =>
    of === undefined || of.includes("*") || (value !== undefined && of.includes(value));
  const applies = (one: AllowList["allow"][number]) =>
    one.actions.includes(action) &&
    fits(one.principalRoles, principal.role) &&
    fits(one.targetRoles, targetRole) &&
    fits(one.resources, resource);
  const named = (one: AllowList["allow"][number]) =>
    action !== "tool.call" || resource !== "delegate" || one.resources?.includes("delegate") === true;
  return !deny.some(applies) && allow.filter(applies).some(named);
}

describe("an allow-list rewritten as Cedar", () => {
  const engines: { close(): void }[] = [];
  afterAll(() => {
    for (const engine of engines) engine.close();
  });

  it("answers every question as before", () => {
    const questions = ACTIONS.flatMap((action) =>
      ROLES.flatMap((role) =>
        [undefined, ...ROLES].flatMap((targetRole) =>
          [undefined, ...RESOURCES].map(
            (resource): PolicyQuestion => ({
              action,
              principal: { agentId: "a", subject: "ada", role, department: role },
              ...(targetRole === undefined ? {} : { targetRole }),
              ...(resource === undefined ? {} : { resource }),
            }),
          ),
        ),
      ),
    );
    fc.assert(
      fc.property(list, (before) => {
        const set = compilePolicies({ "policies/converted.cedar": fromAllowList(before) });
        const engine = createCedarEngine({ set, orgChart: [], policyHash: "0".repeat(64) });
        engines.push(engine);
        for (const question of questions)
          expect(engine.decide(question).allowed, JSON.stringify(question)).toBe(saidBefore(before, question));
      }),
      { numRuns: 12 },
    );
  });

  it("keeps what stood above a rule", () => {
    const before: AllowList = { v: 1, allow: [{ id: "a", actions: ["notify.send"] }], deny: [] };
    const cedar = fromAllowList(before, new Map([["a", " Everybody notifies.\n For now."]]));
    expect(compilePolicies({ "policies/converted.cedar": cedar }).policies).toMatchObject([
      { id: "a", words: "Everybody notifies. For now." },
    ]);
  });
});
