import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createIntlZones } from "../../../../mesh/directory/intl-zones.ts";
import { orgChart, policySet, roleProfile } from "../../../../mesh/contract/bundle.ts";

const SAMPLE = new URL("../../../../profiles/sample/", import.meta.url);
const read = (path: string): unknown => parse(readFileSync(new URL(path, SAMPLE), "utf8"));
const organisation = z.strictObject({ name: z.string(), orgChart }).parse(read("organisation.yaml"));
const policy = policySet.parse(read("policy.yaml"));
const roles = readdirSync(new URL("roles/", SAMPLE)).map((file) => ({ file, value: read(`roles/${file}`) }));
const profile = roleProfile.extend({ hints: z.string().min(40) });

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
    for (const { value } of roles) {
      const { role, extensions } = profile.parse(value);
      const named = extensions.flatMap(({ name, tools }) => tools.map((tool) => `${name}__${tool}`));
      const permitted = policy.allow
        .filter((rule) => rule.actions.includes("tool.call") && rule.principalRoles?.includes(role))
        .flatMap((rule) => rule.resources ?? ["*"]);
      expect([...permitted].sort(), role).toEqual([...named, "recipe__final_output"].sort());
    }
  });

  test("lets tasks run unattended only as skills that the asked role offers", () => {
    const offered = new Map(roles.map(({ value }) => [profile.parse(value).role, profile.parse(value).skills.map((skill) => skill.id)]));
    const runs = policy.allow.filter((rule) => rule.actions.includes("task.run"));
    expect(runs.length).toBeGreaterThan(0);
    for (const rule of runs) {
      expect(rule.principalRoles).toEqual(["finance"]);
      for (const role of rule.targetRoles ?? ["*"]) for (const skill of rule.resources ?? ["*"]) expect(offered.get(role)).toContain(skill);
    }
  });

  test("lets nobody decide on an approval but the executive", () => {
    const deciders = policy.allow
      .filter((rule) => rule.actions.includes("approval.decide"))
      .flatMap((rule) => rule.principalRoles ?? ["*"]);
    expect(deciders).toEqual(["executive"]);
  });
});
