import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createCedarEngine } from "../../../../guard/policy/cedar-engine.ts";
import { compilePolicies } from "../../../../guard/policy/compile-policies.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import { createIntlZones } from "../../../../mesh/directory/intl-zones.ts";
import { orgChart, roleProfile } from "../../../../mesh/contract/bundle.ts";

const SAMPLE = new URL("../../../../profiles/sample/", import.meta.url);
const read = (path: string): unknown => parse(readFileSync(new URL(path, SAMPLE), "utf8"));
const organisation = z.strictObject({ name: z.string(), orgChart }).parse(read("organisation.yaml"));
const roles = readdirSync(new URL("roles/", SAMPLE)).map((file) => ({ file, value: read(`roles/${file}`) }));
const profile = roleProfile.extend({ hints: z.string().min(40) });

const policyFiles = readdirSync(new URL("policies/", SAMPLE)).filter((file) => file.endsWith(".cedar"));
const set = compilePolicies(
  Object.fromEntries(policyFiles.map((file) => [`policies/${file}`, readFileSync(new URL(`policies/${file}`, SAMPLE), "utf8")])),
);
const policy = createCedarEngine({ set, orgChart: organisation.orgChart, policyHash: canonicalHash(set) });
const somebody = (role: string) => ({ agentId: `12D3KooW${"A".repeat(44)}`, subject: "somebody", role, department: role });

describe("the sample organisation", () => {
  test("has the eight seeded roles, each in a file of its name that fits a role profile", () => {
    const names = roles.map(({ file, value }) => {
      const parsed = profile.parse(value);
      expect(file).toBe(`${parsed.role}.yaml`);
      return parsed.role;
    });
    expect(names.sort()).toEqual(["engineering", "executive", "finance", "hr", "legal", "marketing", "sales", "support"]);
  });

  test("says when support is at work, in a time zone that exists", () => {
    const support = roles.map(({ value }) => profile.parse(value)).find(({ role }) => role === "support");
    expect(support?.workingHours).toMatchObject({ days: [1, 2, 3, 4, 5, 6], from: "07:00", to: "21:00" });
    expect(createIntlZones().wallTime(0, support?.workingHours?.timeZone ?? "")).toEqual({ day: 4, minute: 60 });
  });

  test("has an org chart with one head, whose managers all exist and never go round in a circle", () => {
    const byId = new Map(organisation.orgChart.map((person) => [person.id, person]));
    expect(byId.size).toBe(organisation.orgChart.length);
    expect(organisation.orgChart.filter((person) => person.manager === null).map((person) => person.id)).toEqual(["edward.lindqvist"]);
    for (const person of organisation.orgChart) {
      const seen = new Set<string>();
      for (let at = person; at.manager !== null; ) {
        expect(seen.has(at.id)).toBe(false);
        seen.add(at.id);
        const manager = byId.get(at.manager);
        if (manager === undefined) throw new Error(`${at.id} reports to somebody who isn't in the chart`);
        at = manager;
      }
    }
  });

  test("gives every role at least one person, and every person a role that has a profile", () => {
    const held = new Set(organisation.orgChart.map((person) => person.role));
    expect([...held].sort()).toEqual(roles.map(({ file }) => file.replace(".yaml", "")).sort());
  });

  test("permits in policy exactly the tools that a role's profile names, and Goose's own way to answer", () => {
    const profiles = roles.map(({ value }) => profile.parse(value));
    const toolsOf = ({ extensions }: (typeof profiles)[number]) =>
      extensions.flatMap(({ name, tools }) => tools.map((tool) => `${name}__${tool}`));
    const all = [...new Set(profiles.flatMap(toolsOf)), "recipe__final_output", "shell", "write", "delegate", "execute_typescript"];
    for (const one of profiles) {
      const permitted = all.filter((resource) => policy.decide({ action: "tool.call", principal: somebody(one.role), resource }).allowed);
      expect(permitted.sort(), one.role).toEqual([...toolsOf(one), "recipe__final_output"].sort());
    }
  });

  test("lets tasks run unattended only as skills that the asked role offers", () => {
    const profiles = roles.map(({ value }) => profile.parse(value));
    const skills = new Set(profiles.flatMap((one) => one.skills.map(({ id }) => id)));
    const runs = profiles.flatMap(({ role }) =>
      profiles.flatMap((asked) =>
        [...skills]
          .filter((resource) => {
            const question = { action: "task.run", principal: somebody(role), targetRole: asked.role, resource } as const;
            return policy.decide(question).allowed;
          })
          .map((skill) => ({ role, asked: asked.role, offered: asked.skills.some(({ id }) => id === skill) })),
      ),
    );
    expect(runs.length).toBeGreaterThan(0);
    for (const run of runs) expect(run).toMatchObject({ role: "finance", offered: true });
  });

  test("lets nobody decide on an approval but the executive", () => {
    const names = roles.map(({ value }) => profile.parse(value).role);
    const deciders = names.filter((role) =>
      names.some((targetRole) => {
        const question = { action: "approval.decide", principal: somebody(role), targetRole, context: { dataClasses: [] } } as const;
        return policy.decide(question).allowed;
      }),
    );
    expect(deciders).toEqual(["executive"]);
  });
});
