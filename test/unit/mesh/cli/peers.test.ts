import { describe, expect, it } from "vitest";
import { drawChart, sayLoad, saySeen, showPeers } from "../../../../mesh/cli/peers.ts";
import type { DaemonCalls } from "../../../../mesh/cli/mesh-commands.ts";
import { readTarget } from "../../../../mesh/cli/read-target.ts";
import { skillsGraph } from "../../../../mesh/directory/skills-graph.ts";
import { captureOutput } from "../../../support/captured-output.ts";

const NOW = Date.UTC(2026, 9, 31, 8);
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
const plain = (lines: readonly string[]): string[] => lines.map((line) => line.replace(ESCAPES, ""));

type Person = Parameters<typeof drawChart>[0][number];
const person = (id: string, manager: string | null, ...online: boolean[]): Person => ({
  id,
  title: `Title of ${id}`,
  role: "finance",
  department: "finance",
  manager,
  agents: online.map((isOn, i) => ({ agentId: `${id}-${i}`, online: isOn, self: id === "me" })),
});

const daemonWith = (answer: unknown): DaemonCalls => ({ call: (async () => answer) as DaemonCalls["call"] });

describe("the drawn org chart", () => {
  it("shows who reports to whom, who is online, and several devices of one person", () => {
    const people = [person("zoe", "ada", false), person("me", "bob", true), person("bob", "ada", true, false), person("ada", null)];
    expect(plain(drawChart(people))).toEqual([
      "· ada · Title of ada",
      "├─ ● bob · Title of bob · 1 of 2 devices",
      "│  └─ ● me (you) · Title of me",
      "└─ ○ zoe · Title of zoe",
    ]);
  });

  it("draws everybody once, also where a manager is missing or people report in a circle", () => {
    const people = [person("a", "b"), person("b", "a"), person("c", "gone")];
    expect(plain(drawChart(people))).toEqual(["· c · Title of c", "· a · Title of a", "└─ · b · Title of b"]);
  });

  it("shows a title as it is, whatever is in it", () => {
    expect(drawChart([{ ...person("a", null), title: "Chief\u001b[2J\nroot" }]).join("")).toContain("Chief\\u001b[2J\\u000aroot");
  });
});

describe("gaggle peers", () => {
  it("says when nobody matches, and else how many are known and online", async () => {
    const none = captureOutput();
    await showPeers(daemonWith({ agents: [] }), none.out, {}, NOW);
    expect(none.text()).toBe("No agent is known yet that matches.\n");
    const agent = { subject: "a", role: "hr", title: "T", online: false, self: false, skills: [], agentId: "x", department: "hr" };
    const some = captureOutput();
    await showPeers(daemonWith({ agents: [{ ...agent, lastSeenAt: new Date(NOW - 7_200_000).toISOString() }] }), some.out, {}, NOW);
    expect(some.text()).toMatch(/○ +a +hr +T +seen 2 h ago[\s\S]*1 known, 0 online\./);
  });

  it("shows the skills on offer, with who has them", async () => {
    const marco = {
      agentId: "x",
      subject: "marco.diaz",
      role: "marketing",
      department: "marketing",
      title: "T",
      online: true,
      self: false,
    };
    const skills = [{ id: "accruals", description: "Lists accruals." }];
    const graph = skillsGraph([
      { ...marco, skills },
      { ...marco, subject: "elena.novak", role: "engineering", department: "engineering", online: false, skills },
      { ...marco, skills: [] },
    ]);
    expect(graph).toEqual([
      {
        id: "accruals",
        descriptions: ["Lists accruals."],
        roles: ["engineering", "marketing"],
        departments: ["engineering", "marketing"],
        people: ["elena.novak", "marco.diaz"],
        online: 1,
      },
    ]);
    const { out, text } = captureOutput();
    await showPeers(daemonWith({ skills: graph }), out, { skills: true }, NOW);
    expect(text()).toMatch(/accruals +engineering, marketing +elena\.novak, marco\.diaz +1 +Lists accruals\./);
  });

  it("says load and presence in words", () => {
    const load = { running: 0, queued: 0, concurrency: 4, busy: false, guardUp: true };
    expect(sayLoad({ load })).toBe("idle");
    expect(sayLoad({ load: { ...load, running: 2, queued: 3, busy: true } })).toBe("busy, 2 of 4 at work, 3 waiting");
    expect(sayLoad({ load: { ...load, guardUp: false } })).toBe("guard down");
    expect(sayLoad({})).toBe("");
    expect(saySeen({ online: false, self: false }, NOW)).toBe("never seen");
  });
});

describe("whom a command means", () => {
  it("is read from its options, with a quorum's number", () => {
    expect(readTarget({ role: "hr", locale: "de", fanout: "quorum:2" })).toEqual({
      targetRole: "hr",
      locale: "de",
      fanout: { mode: "quorum", n: 2 },
    });
  });

  it("is refused where it is nobody, or a fan-out that there is not", () => {
    expect(() => readTarget({ locale: "de" })).toThrow(/Say whom to ask: --role/);
    expect(() => readTarget({ agent: "someone" })).toThrow(/agentId/);
    expect(() => readTarget({ role: "hr", fanout: "some" })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    expect(() => readTarget({ role: "hr", fanout: "quorum" })).toThrow(/quorum:2/);
  });
});
