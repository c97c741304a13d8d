import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, rankRoutes, type RouterDeps, type RouteTarget } from "../../../../mesh/directory/router.ts";

const name = fc.constantFrom("a", "b", "c", "d", "e");
const beat = fc.record({ running: fc.nat(9), queued: fc.nat(9), busy: fc.boolean(), guardUp: fc.boolean() });

const candidates = fc
  .array(
    fc.record({
      subject: name,
      role: fc.constantFrom("finance", "hr"),
      online: fc.boolean(),
      left: fc.boolean(),
      self: fc.boolean(),
      skills: fc.subarray(["close", "payroll"]),
      locale: fc.constantFrom(undefined, "de-DE", "fr-FR"),
      concurrency: fc.integer({ min: 1, max: 4 }),
      load: fc.option(beat, { nil: undefined }),
    }),
    { maxLength: 12 },
  )
  .map((list) =>
    list.map(
      ({ subject, role, ...rest }, i): Candidate => ({ ...rest, principal: { agentId: `agent-${i}`, subject, role, department: role } }),
    ),
  );

const target: fc.Arbitrary<RouteTarget> = fc.record({
  targetRole: fc.constantFrom(undefined, "finance", "hr"),
  skill: fc.constantFrom(undefined, "close", "payroll"),
  locale: fc.constantFrom(undefined, "de-DE"),
});

const deniedSubjects = fc.subarray(["a", "b", "c", "d", "e"]);
const depsFor = (denied: readonly string[]): RouterDeps => ({
  denied: ({ subject }) => (denied.includes(subject) ? "no" : undefined),
  runsAlone: ({ role }) => role === "hr",
  zones: { wallTime: () => undefined },
});

const fits = ({ principal, self, left, skills }: Candidate, { targetRole, skill }: RouteTarget): boolean =>
  !self && !left && (targetRole === undefined || principal.role === targetRole) && (skill === undefined || skills.includes(skill));

describe("for any agents, target and policy", () => {
  it("exactly those who fit and whom policy allows are asked, each person once, whatever the order in which they are known", () => {
    fc.assert(
      fc.property(candidates, target, deniedSubjects, fc.integer(), (list, wanted, denied, turn) => {
        const routes = rankRoutes(list, wanted, 0, depsFor(denied));
        const asked = routes.ranked.flatMap(({ principal, devices }) => [principal, ...devices]).map(({ agentId }) => agentId);
        const expected = list
          .filter((one) => fits(one, wanted) && !denied.includes(one.principal.subject))
          .map(({ principal }) => principal.agentId);
        expect([...asked].sort()).toEqual([...expected].sort());
        expect(new Set(routes.ranked.map(({ principal }) => principal.subject)).size).toBe(routes.ranked.length);
        const at = list.length === 0 ? 0 : Math.abs(turn) % list.length;
        expect(rankRoutes([...list.slice(at), ...list.slice(0, at)].toReversed(), wanted, 0, depsFor(denied))).toEqual(routes);
      }),
      { numRuns: 300 },
    );
  });

  it("nobody who is off comes before somebody who is on, and every choice has its words", () => {
    fc.assert(
      fc.property(candidates, target, (list, wanted) => {
        const { ranked } = rankRoutes(list, wanted, 0, depsFor([]));
        const online = ranked.map(({ principal }) => list.find((one) => one.principal.agentId === principal.agentId)?.online === true);
        expect(online).toEqual([...online].sort((a, b) => Number(b) - Number(a)));
        for (const { because } of ranked) expect(because).toMatch(/^(online|offline)/);
      }),
      { numRuns: 200 },
    );
  });
});
