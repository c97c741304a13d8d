import { describe, expect, it } from "vitest";
import { type Candidate, rankRoutes, type RouterDeps, type RouteTarget } from "../../../../mesh/directory/router.ts";
import { createIntlZones } from "../../../../mesh/directory/intl-zones.ts";
import { isAtWork } from "../../../../mesh/directory/working-hours.ts";

const NOW = Date.UTC(2026, 9, 30, 9); // a Friday
const ZONES = createIntlZones();

const agent = (subject: string, rest: Partial<Candidate> = {}, id = subject): Candidate => ({
  principal: { agentId: `agent-${id}`, subject, role: "marketing", department: "marketing" },
  self: false,
  online: true,
  left: false,
  skills: ["accruals"],
  concurrency: 4,
  ...rest,
});

const OPEN: RouterDeps = { denied: () => undefined, runsAlone: () => true, zones: ZONES };
const load = (running: number, rest: object = {}) => ({ running, queued: 0, busy: false, guardUp: true, ...rest });
const HOURS = { timeZone: "Europe/Berlin", days: [1, 2, 3, 4, 5], from: "08:00", to: "17:00" };

const order = (candidates: Candidate[], target: RouteTarget = { skill: "accruals" }, deps = OPEN): string[] =>
  rankRoutes(candidates, target, NOW, deps).ranked.map(({ principal }) => principal.subject);

describe("the router", () => {
  it("puts first who is online, then who does it alone, takes work, has a guard, is at work, is idle, speaks the language, and then by name", () => {
    const best = agent("z.best", { load: load(0), locale: "de-DE", workingHours: HOURS });
    const worse: Candidate[] = [
      agent("g.foreign", { load: load(0), locale: "fr-FR", workingHours: HOURS }),
      agent("f.loaded", { load: load(3), locale: "de-DE", workingHours: HOURS }),
      agent("e.asleep", { load: load(0), locale: "de-DE", workingHours: { ...HOURS, days: [6] } }),
      agent("d.unguarded", { load: load(0, { guardUp: false }), locale: "de-DE" }),
      agent("c.busy", { load: load(0, { busy: true }), locale: "de-DE" }),
      agent("b.person", { load: load(0), locale: "de-DE" }),
      agent("a.offline", { online: false, locale: "de-DE" }),
    ];
    const deps = { ...OPEN, runsAlone: ({ subject }: { subject: string }) => subject !== "b.person" };
    const target = { skill: "accruals", locale: "de-DE" };
    expect(order([...worse.toReversed(), best], target, deps)).toEqual(["z.best", ...worse.map(({ principal }) => principal.subject)]);
  });

  it("chooses the same whatever order agents were learned in", () => {
    const agents = ["c", "a", "b"].map((name) => agent(name));
    expect(order(agents)).toEqual(["a", "b", "c"]);
    expect(order(agents.toReversed())).toEqual(["a", "b", "c"]);
  });

  it("tells in words what speaks for each", () => {
    const { ranked } = rankRoutes([agent("a", { load: load(1), locale: "de-AT" })], { skill: "accruals", locale: "de-DE" }, NOW, OPEN);
    expect(ranked[0]?.because).toBe("online, does accruals by itself, 1 at hand for 4 at a time, speaks de-AT");
  });

  it("leaves out whom policy denies, with the policy's reason, and says why others who nearly fit do not", () => {
    const deps = {
      ...OPEN,
      denied: ({ subject }: { subject: string }) => (subject === "a" ? "The policy forbids it (rule-y)." : undefined),
    };
    const routes = rankRoutes(
      [agent("a"), agent("b", { left: true }), agent("c", { skills: [] }), agent("d", { self: true }), agent("e")],
      { targetRole: "marketing", skill: "accruals" },
      NOW,
      deps,
    );
    expect(routes.ranked.map(({ principal }) => principal.subject)).toEqual(["e"]);
    expect(routes.denied.map(({ because }) => because)).toEqual(["The policy forbids it (rule-y)."]);
    expect(routes.misfits.map(({ principal, because }) => `${principal.subject} ${because}`)).toEqual([
      "b has left",
      "c does not have the skill accruals",
      "d is this agent itself",
    ]);
  });

  it("takes several agents of one person for one, asks the one that is on, and keeps the other in reserve", () => {
    const laptop = agent("a", { online: false }, "laptop");
    const desk = agent("a", {}, "desk");
    const { ranked } = rankRoutes([laptop, desk, agent("b")], { targetRole: "marketing" }, NOW, OPEN);
    expect(ranked.map(({ principal }) => principal.agentId)).toEqual(["agent-desk", "agent-b"]);
    expect(ranked[0]?.devices).toEqual([laptop.principal]);
  });

  it("narrows by department, and by an id to that very agent, this one included", () => {
    const here = agent("me", { self: true });
    expect(order([here, agent("a")], { department: "marketing" })).toEqual(["a"]);
    expect(order([here, agent("a")], { department: "sales" })).toEqual([]);
    expect(order([here, agent("a")], { agentId: here.principal.agentId })).toEqual(["me"]);
  });

  it("takes an agent for full when its announced end of accepting has come", () => {
    const ending = agent("a", { load: load(0, { acceptingUntil: NOW }) });
    expect(order([ending, agent("b")])).toEqual(["b", "a"]);
  });
});

describe("working hours", () => {
  const at = (iso: string, hours = HOURS): boolean => isAtWork(hours, Date.parse(iso), ZONES);

  it("are read on the wall clock of their zone, also across a change of summer time", () => {
    expect(at("2026-10-23T06:00:00Z")).toBe(true); // 08:00 in Berlin, summer time
    expect(at("2026-10-26T06:30:00Z")).toBe(false); // 07:30, winter time
    expect(at("2026-10-26T07:00:00Z")).toBe(true);
    expect(at("2026-10-26T16:00:00Z")).toBe(false); // 17:00 is the end
    expect(at("2026-10-25T10:00:00Z")).toBe(false); // a Sunday
  });

  it("that end after midnight belong to the day on which they began", () => {
    const night = { ...HOURS, days: [5], from: "22:00", to: "06:00" };
    expect(at("2026-10-30T22:30:00Z", night)).toBe(true); // Friday, 23:30
    expect(at("2026-10-31T04:30:00Z", night)).toBe(true); // Saturday, 05:30
    expect(at("2026-10-31T05:30:00Z", night)).toBe(false);
    expect(at("2026-10-30T03:30:00Z", night)).toBe(false); // Friday morning belongs to Thursday
  });

  it("of an unknown zone, or none at all, keep nobody from work", () => {
    expect(at("2026-10-25T10:00:00Z", { ...HOURS, timeZone: "Mars/Olympus" })).toBe(true);
    expect(isAtWork(undefined, NOW, ZONES)).toBe(true);
  });
});
