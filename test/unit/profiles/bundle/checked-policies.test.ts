import { describe, expect, it } from "vitest";
import { verifyBundle } from "../../../../profiles/bundle/verify.ts";
import { checkedPolicies } from "../../../../profiles/bundle/checked-policies.ts";
import { readSources } from "../../../../profiles/bundle/read-sources.ts";
import { canonicalJson, sha256Hex } from "../../../../mesh/contract/json.ts";
import { buildBundles } from "../../../../profiles/bundle/build-bundles.ts";
import { signBundle } from "../../../../profiles/bundle/sign-bundle.ts";
import { createTestOrganisation, testSources, withPolicy } from "../../../support/test-organisation.ts";

const code = (name: string, message: string) => expect.objectContaining({ code: name, message: expect.stringContaining(message) });
const root = new URL("../../../../", import.meta.url).pathname;

describe("policies before they are signed", () => {
  it.each(["sample", "empty"])("of the %s organisation are valid, and do what its tests say", async (name) => {
    const sources = await readSources(`${root}profiles/${name}`, `${root}recipes`);
    expect(Object.values(sources.policyTests).flat().length).toBeGreaterThan(3);
    expect(checkedPolicies(sources).policies.length).toBeGreaterThan(10);
  });

  it("are refused where a test of theirs fails, with its file and name and what was said instead", () => {
    const asked = {
      name: "finance asks",
      who: { role: "finance" },
      action: "task.send",
      target: { role: "marketing" },
      resource: "accruals",
    } as const;
    const tests = (expected: "allow" | "deny") => ({
      ...testSources(),
      policyTests: { "policies/tests/a.yaml": [{ ...asked, expect: expected }] },
    });
    expect(checkedPolicies(tests("allow")).policies).toHaveLength(3);
    expect(() => checkedPolicies(tests("deny"))).toThrow(code("INVALID_INPUT", 'policies/tests/a.yaml, "finance asks": expected deny'));
  });

  it("may name only roles that the organisation has, and the bootstrap node's", () => {
    const forbid = (role: string) => withPolicy(testSources(), `@id("x") forbid (principal in Role::"${role}", action, resource);`);
    expect(() => checkedPolicies(forbid("pirate"))).toThrow(code("INVALID_INPUT", "there is no role pirate"));
    expect(checkedPolicies(forbid("bootstrap")).policies).toHaveLength(4);
  });
});

describe("policies in a bundle", () => {
  const organisation = createTestOrganisation();
  const nowMs = Date.UTC(2026, 10, 20);
  const open = (bundle: unknown) =>
    verifyBundle({ bundle, org: organisation.org, role: "finance", rootFingerprint: organisation.root.thumbprint, nowMs, minVersion: 1 });
  const [draft] = buildBundles(testSources()).filter(({ role }) => role === "finance");
  const signed = (change: (files: Record<string, string>) => Record<string, string>) => {
    if (draft === undefined) throw new Error("no finance in the test organisation");
    const files = { ...draft.files, ...change({ ...draft.files }) };
    const policyHash = sha256Hex(files["policy.json"] ?? "");
    return signBundle({ draft: { ...draft, files, policyHash }, trust: organisation.trust, version: 1, nowMs, root: organisation.root });
  };

  it("are there as the admin wrote them, beside the set that is evaluated", () => {
    const { text, policy } = open(signed(() => ({})));
    expect(text("policies/harbour.cedar")).toBe(testSources().policies["policies/harbour.cedar"]);
    expect(policy.policies.map(({ id }) => id)).toEqual(["ask-accruals", "call-the-api", "export-audit"]);
  });

  it("are evaluated in one order, whichever the admin wrote first", () => {
    const [first = "", ...rest] = (testSources().policies["policies/harbour.cedar"] ?? "").trim().split("\n\n");
    const sets = [{ "policies/a.cedar": [first, ...rest].join("\n\n") }, { "policies/a.cedar": [...rest, first].join("\n\n") }].map(
      (policies) => checkedPolicies({ ...testSources(), policies }).policies.map(({ id, text }) => ({ id, text })),
    );
    expect(canonicalJson(sets[0])).toBe(canonicalJson(sets[1]));
  });

  it("are refused where what is evaluated is not what the files say", () => {
    const hidden = signed((files) => ({ "policy.json": (files["policy.json"] ?? "").replaceAll("accruals", "anything") }));
    expect(() => open(hidden)).toThrow(code("BUNDLE_SIGNATURE", "missing"));
  });

  it("are refused in the form of the allow-list", () => {
    expect(() => open(signed(() => ({ "policy.json": '{"allow":[],"deny":[],"v":1}' })))).toThrow(
      code("BUNDLE_SIGNATURE", "sign a new one"),
    );
  });
});
