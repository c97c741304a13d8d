import { describe, expect, it } from "vitest";
import { createBundlePolicy, decideToolCall } from "../../../../mesh/agent/bundle-policy.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { agentIdOf } from "../../../../mesh/identity/keys.ts";
import { type VerifiedBundle, verifyBundle } from "../../../../profiles/bundle/verify.ts";
import { createTestOrganisation, testSources, toolPermit, withPolicy } from "../../../support/test-organisation.ts";

const NOW_MS = Date.UTC(2026, 9, 31, 8);
const organisation = createTestOrganisation();
const self = { agentId: `12D3KooW${"A".repeat(44)}`, subject: "fiona.berg", role: "finance", department: "finance" };

/** Finance's verified bundle; policy lets finance use the named tools. */
const bundleWith = (tools: string[], version = 1): VerifiedBundle => bundleOf(toolPermit(tools), version);

function bundleOf(policy: string, version = 1): VerifiedBundle {
  const bundle = organisation.sign("finance", { version, nowMs: NOW_MS, sources: withPolicy(testSources(), policy) });
  const { org, root } = organisation;
  return verifyBundle({ bundle, org, role: "finance", rootFingerprint: root.thumbprint, nowMs: NOW_MS, minVersion: 1 });
}

const toolCall = { action: "tool.call", principal: self, resource: "mesh__send_task" } as const;

describe("the policy of the bundle in force", () => {
  it("denies everything without a bundle, says why, and allows again when there is one", () => {
    let bundle = (): VerifiedBundle => {
      throw new GaggleError("BUNDLE_EXPIRED", "The profile bundle expired.");
    };
    const policy = createBundlePolicy(() => bundle());
    expect(policy.decide(toolCall)).toMatchObject({ allowed: false, rules: [], reason: "The profile bundle expired." });
    const good = bundleWith(["mesh__send_task"]);
    bundle = () => good;
    expect(policy.decide(toolCall)).toMatchObject({ allowed: true, rules: ["tools"], policyHash: good.manifest.policyHash });
    bundle = () => {
      throw new Error("disk: maria.silva@example.com");
    };
    expect(policy.decide(toolCall)).toMatchObject({ allowed: false, reason: "The profile bundle could not be read." });
  });

  it("follows a new version at once", () => {
    let bundle = bundleWith(["mesh__send_task"]);
    const policy = createBundlePolicy(() => bundle);
    expect(policy.decide(toolCall).allowed).toBe(true);
    bundle = bundleWith(["mesh__notify"], 2);
    expect(policy.decide(toolCall)).toMatchObject({ allowed: false, policyHash: bundle.manifest.policyHash });
  });
});

describe("a principal that the bundle revokes", () => {
  it("may do nothing more, also what it asked for before: its task waited here meanwhile", () => {
    const asker = { agentId: agentIdOf(organisation.issuer.publicJwk), subject: "fiona.berg", role: "finance", department: "finance" };
    const question = { action: "task.receive", principal: asker, targetRole: "marketing", resource: "accruals" } as const;
    const under = (revoked: { agents?: string[]; subjects?: string[] }) => {
      const revocations = { seq: 1, agents: [], subjects: [], keys: [], ...revoked };
      const bundle = organisation.sign("finance", { version: 2, nowMs: NOW_MS, trust: { revocations } });
      const { org, root } = organisation;
      const verified = verifyBundle({ bundle, org, role: "finance", rootFingerprint: root.thumbprint, nowMs: NOW_MS, minVersion: 1 });
      return createBundlePolicy(() => verified).decide(question);
    };
    expect(under({})).toMatchObject({ allowed: true });
    for (const revoked of [{ agents: [asker.agentId] }, { subjects: [asker.subject] }])
      expect(under(revoked)).toMatchObject({ allowed: false, rules: [], reason: expect.stringContaining("revoked") });
  });

  it("may do nothing more in a role that the org chart no longer gives", () => {
    const question = { action: "task.receive", principal: self, targetRole: "marketing", resource: "accruals" } as const;
    const chart = bundleWith(["mesh__send_task"]).orgChart;
    const under = (orgChart: VerifiedBundle["orgChart"]) =>
      createBundlePolicy(() => ({ ...bundleWith(["mesh__send_task"]), orgChart })).decide(question);
    expect(under(chart)).toMatchObject({ allowed: true });
    const moved = chart.map((place) => (place.id === self.subject ? { ...place, role: "hr", department: "hr" } : place));
    for (const later of [moved, chart.filter(({ id }) => id !== self.subject)])
      expect(under(later)).toMatchObject({ allowed: false, rules: [], reason: expect.stringContaining("no longer has this role") });
  });
});

describe("a tool call", () => {
  const decide = (bundle: () => VerifiedBundle, tool: string, unattended: boolean) =>
    decideToolCall({ policy: createBundlePolicy(bundle), bundle, self }, { tool, unattended });
  // The profile of the test organisation names mesh__send_task alone.
  const bundle = () => bundleWith(["mesh__send_task", "mesh__notify", "developer__shell", "recipe__final_output"]);

  it.each([
    ["mesh__send_task", true, true],
    ["mesh__notify", true, false],
    ["developer__shell", true, false],
    ["recipe__final_output", true, true],
    ["mesh__send_task__x", true, false],
    ["mesh__notify", false, true],
    ["mesh__cancel_task", false, false],
  ])("of %s, without a person: %s, is allowed: %s", (tool, unattended, allowed) => {
    expect(decide(bundle, tool, unattended).allowed).toBe(allowed);
  });

  it("of a run needs policy as well: what the profile names and policy does not allow is denied", () => {
    expect(decide(() => bundleWith(["mesh__notify"]), "mesh__send_task", true)).toMatchObject({ allowed: false });
    expect(decide(() => bundleWith(["mesh__notify"]), "recipe__final_output", true)).toMatchObject({ allowed: false });
  });

  it.each([
    "delegate",
    "execute_typescript",
    "extensionmanager__manage_extensions",
    "orchestrator__start_agent",
    "platform__manage_schedule",
  ])("of %s needs a rule that names it: one for any tool is not enough", (tool) => {
    const any = (annotation: string) => bundleOf(`@id("any") ${annotation} permit (principal, action == Action::"tool.call", resource);`);
    expect(decide(() => any(""), tool, false)).toMatchObject({ allowed: false, rules: [], reason: expect.stringContaining("@widens") });
    expect(decide(() => any('@widens("summon__load")'), tool, false).allowed).toBe(false);
    expect(decide(() => any(`@widens("summon__load, ${tool}")`), tool, false)).toMatchObject({ allowed: true, rules: ["any"] });
    expect(decide(() => any(""), "shell", false).allowed).toBe(true);
  });

  it("is denied where there is no bundle", () => {
    const none = (): VerifiedBundle => {
      throw new GaggleError("BUNDLE_MISSING", "There is no profile bundle.");
    };
    for (const unattended of [true, false])
      expect(decide(none, "mesh__send_task", unattended)).toMatchObject({ allowed: false, reason: "There is no profile bundle." });
  });
});
