import { describe, expect, it } from "vitest";
import { trustOf } from "../../../../mesh/agent/agent-work.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { type VerifiedBundle, verifyBundle } from "../../../../profiles/bundle/verify.ts";
import { createTestOrganisation } from "../../../support/test-organisation.ts";

const NOW_MS = Date.UTC(2026, 9, 31, 8);
const organisation = createTestOrganisation();
const { org, root } = organisation;

/** An agent's trust under a bundle that is in force, has expired (and is still the last good one), or is missing. */
function trustUnder(state: "in force" | "expired" | "missing") {
  const bundle = verifyBundle({
    bundle: organisation.sign("finance", { version: 1, nowMs: NOW_MS }),
    org,
    role: "finance",
    rootFingerprint: root.thumbprint,
    nowMs: NOW_MS,
    minVersion: 1,
  });
  const refuse = (): VerifiedBundle => {
    throw new GaggleError(state === "expired" ? "BUNDLE_EXPIRED" : "BUNDLE_MISSING", "There is no good bundle.");
  };
  const inForce = () => (state === "in force" ? bundle : refuse());
  const membership = {
    lastBundle: () => (state === "missing" ? refuse() : bundle),
    trust: () => ({ manifest: inForce().manifest, jws: "", revocations: [] }),
    credential: () => "credential",
    credentialExpiresAt: () => NOW_MS + 1,
    verify: () => {
      throw new GaggleError("CREDENTIAL_INVALID", "Not asked for here.");
    },
  };
  return { bundle, trust: trustOf({ bundle: inForce, membership, clock: { now: () => NOW_MS }, config: { org } }) };
}

describe("an agent without a bundle in force", () => {
  it("still records: a run that ends then is not lost, and the daemon starts again", () => {
    const { bundle, trust } = trustUnder("expired");
    expect(trust.policyHash()).toBe(bundle.manifest.policyHash);
    expect(trustUnder("missing").trust.policyHash()).toBe("0".repeat(64));
  });

  it.each(["expired", "missing"] as const)("signs and believes nothing where it is %s", (state) => {
    const { trust } = trustUnder(state);
    const code = state === "expired" ? "BUNDLE_EXPIRED" : "BUNDLE_MISSING";
    expect(() => trust.credential()).toThrow(expect.objectContaining({ code }));
    expect(() => trust.trustVersion()).toThrow(expect.objectContaining({ code }));
  });

  it("signs again once there is one", () => {
    expect(trustUnder("in force").trust.credential()).toBe("credential");
  });
});
