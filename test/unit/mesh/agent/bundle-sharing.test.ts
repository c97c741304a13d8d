import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createBundlePolicy } from "../../../../mesh/agent/bundle-policy.ts";
import { createBundleSharing } from "../../../../mesh/agent/bundle-sharing.ts";
import { createMembership, type Membership } from "../../../../mesh/agent/membership.ts";
import type { SignedBundle } from "../../../../mesh/contract/bundle.ts";
import { issueMembership } from "../../../../mesh/identity/membership.ts";
import { agentIdOf, generateAgentKeys, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { revocationDigest, signRevocation } from "../../../../mesh/identity/revocation.ts";
import { openBundleStore } from "../../../../profiles/bundle/bundle-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";
import { createTestOrganisation } from "../../../support/test-organisation.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const organisation = createTestOrganisation();
const { org } = organisation;
const keys = generateAgentKeys(seededRandom("marco"));
const marco = agentIdOf(publicJwkOf(keys.sign));
const code = (name: string) => expect.objectContaining({ code: name });

let clock: VirtualClock;
let audited: string[];
let dir: string;

const issue = (): string =>
  issueMembership({
    org,
    member: { subject: "marco.diaz", role: "marketing", department: "marketing", agentId: marco, seal: publicJwkOf(keys.seal) },
    signer: organisation.issuer,
    nowMs: clock.now(),
    random: seededRandom("credential"),
  });

const sign = (role: string, version: number, revoked: readonly string[] = []): SignedBundle =>
  organisation.sign(role, {
    version,
    nowMs: clock.now(),
    trust: { revocations: { seq: revoked.length, agents: [...revoked], subjects: [], keys: [] } },
  });

async function open(): Promise<Membership> {
  const bundles = await openBundleStore({ clock }, { dir, rootFingerprint: organisation.root.thumbprint, org, role: "finance" });
  const source = { profile: () => Promise.reject(new Error("no bootstrap node")), credential: () => Promise.reject(new Error("none")) };
  const audit = async ({ action }: { action: string }): Promise<void> => void audited.push(action);
  return createMembership({ bundles, clock, source, saveCredential: async () => undefined, audit }, { credential: issue() });
}

beforeEach(() => {
  clock = createVirtualClock();
  dir = tempFolder();
  audited = [];
});

describe("bundles between members", () => {
  it("carry a revocation from another role's newer bundle, at once and over a restart, without the bootstrap node", async () => {
    const membership = await open();
    await membership.accept(sign("finance", 2));
    const credential = issue();
    expect(membership.verify(credential, marco).sub).toBe("marco.diaz");
    const sharing = createBundleSharing(membership, { role: "finance" });
    expect(sharing.wants({ bundleVersion: 3, revocationSeq: 1 }, "marketing")).toBe(true);

    await sharing.take({ manifest: sign("marketing", 3, [marco]).manifest, bundle: null });

    expect(() => membership.verify(credential, marco)).toThrow(code("REVOKED"));
    const policy = createBundlePolicy(membership.bundle, () => membership.trust().manifest);
    const principal = { agentId: marco, subject: "marco.diaz", role: "marketing", department: "marketing" };
    expect(policy.decide({ action: "notify.send", principal, targetRole: "finance" })).toMatchObject({ allowed: false });
    expect(sharing.wants({ bundleVersion: 3, revocationSeq: 1 }, "marketing")).toBe(false);
    expect(sharing.wants({ bundleVersion: 3, revocationSeq: 1 }, "finance")).toBe(true);
    const again = await open();
    expect(() => again.verify(credential, marco)).toThrow(code("REVOKED"));
    expect(again.bundle().manifest.version).toBe(2);
  });

  it("bring the whole bundle from a member of the same role, and hand it only to the same role", async () => {
    const membership = await open();
    await membership.accept(sign("finance", 2));
    const sharing = createBundleSharing(membership, { role: "finance" });
    const newer = sign("finance", 3);
    await sharing.take({ manifest: newer.manifest, bundle: newer });
    expect(membership.bundle().manifest.version).toBe(3);
    expect(sharing.offer("finance")).toEqual({ manifest: newer.manifest, bundle: newer, revocations: [] });
    expect(sharing.offer("marketing")).toEqual({ manifest: newer.manifest, bundle: null, revocations: [] });
  });

  it.each<[string, string, () => SignedBundle]>([
    ["another root's", "BUNDLE_SIGNATURE", () => createTestOrganisation("other").sign("finance", { version: 9, nowMs: clock.now() })],
    ["one from the future", "CLOCK_SKEW", () => organisation.sign("finance", { version: 9, nowMs: clock.now() + 86_400_000 })],
  ])("are refused where a peer brings %s, without a line in the audit, and change nothing", async (_, expected, bring) => {
    const membership = await open();
    await membership.accept(sign("finance", 2));
    audited = [];
    const brought = bring();
    const sharing = createBundleSharing(membership, { role: "finance" });
    await expect(sharing.take({ manifest: brought.manifest, bundle: brought })).rejects.toMatchObject({ code: expected });
    await expect(sharing.take({ manifest: sign("finance", 2).manifest, bundle: brought })).rejects.toMatchObject({ code: expected });
    expect(membership.trust().manifest.version).toBe(2);
    expect(audited).toEqual([]);
  });

  it("are wanted where they are newer also by a member whose own has run out, or whose clock was set back, and who has none", async () => {
    const membership = await open();
    const sharing = createBundleSharing(membership, { role: "finance" });
    expect(sharing.wants({ bundleVersion: 1, revocationSeq: 0 }, "finance")).toBe(true);
    await membership.accept(sign("finance", 2));
    const known = { revocationSeq: 0, revocations: "a".repeat(64) };
    for (const days of [31, -60]) {
      clock.jump(days * 86_400_000);
      expect(() => membership.trust()).toThrow(expect.objectContaining({ name: "GaggleError" }));
      expect(sharing.wants({ bundleVersion: 2, ...known }, "finance")).toBe(false);
      expect(sharing.wants({ bundleVersion: 3, ...known }, "finance")).toBe(true);
    }
  });

  it("never bring an older word about revocations back", async () => {
    const membership = await open();
    await membership.accept(sign("finance", 2));
    await membership.acceptTrust(sign("marketing", 5, [marco]).manifest);
    await membership.acceptTrust(sign("marketing", 4).manifest);
    expect(membership.trust().manifest.version).toBe(5);
    await membership.accept(sign("finance", 6, [marco, marco]));
    expect(membership.trust().manifest.revocations.seq).toBe(2);
    expect(audited).toEqual(["bundle.accept", "bundle.trust", "bundle.accept"]);
  });
});

describe("an admin's revocation between members", () => {
  const statement = (seq: number, signer = organisation.admin): string =>
    signRevocation({
      statement: { v: 1, org, seq, issuedAt: "2026-11-02T08:00:00.000Z", agents: [marco], subjects: [], keys: [] },
      signer,
    });

  it("counts at once under the bundle that is there, is handed on, and survives a restart", async () => {
    const membership = await open();
    await membership.accept(sign("finance", 2));
    const sharing = createBundleSharing(membership, { role: "finance" });
    const [manifest, jws] = [sign("marketing", 2).manifest, statement(1)];
    const digest = revocationDigest([jws]) ?? "";
    const known = { bundleVersion: 2, revocationSeq: 0 };
    expect(sharing.wants(known, "marketing")).toBe(false);
    expect(sharing.wants({ ...known, revocations: digest }, "marketing")).toBe(true);

    await sharing.take({ manifest, bundle: null, revocations: [jws] });

    expect(() => membership.verify(issue(), marco)).toThrow(code("REVOKED"));
    expect(sharing.wants({ ...known, revocations: digest }, "marketing")).toBe(false);
    expect(sharing.offer("hr")?.revocations).toEqual([jws]);
    expect(audited).toEqual(["bundle.accept", "member.revoke"]);
    expect(() => membership.verify(issue(), marco)).toThrow(code("REVOKED"));
    const again = await open();
    expect(() => again.verify(issue(), marco)).toThrow(code("REVOKED"));
  });

  it("that no admin signed is not taken and not asked for again, and keeps out none of the others", async () => {
    const membership = await open();
    await membership.accept(sign("finance", 2));
    const sharing = createBundleSharing(membership, { role: "finance" });
    const [forged, good] = [statement(1, organisation.issuer), statement(1)];

    await sharing.take({ manifest: sign("finance", 2).manifest, bundle: null, revocations: [forged] });
    expect(membership.verify(issue(), marco).sub).toBe("marco.diaz");
    expect(sharing.wants({ bundleVersion: 2, revocationSeq: 0, revocations: revocationDigest([forged]) }, "hr")).toBe(false);

    await sharing.take({ manifest: sign("finance", 2).manifest, bundle: null, revocations: [forged, good] });
    expect(() => membership.verify(issue(), marco)).toThrow(code("REVOKED"));
    expect(audited).toEqual(["bundle.accept", "member.revoke"]);
  });

  it("is undone by the root: a bundle that revokes the stolen admin key takes back all that it revoked, and nothing brings it back", async () => {
    const membership = await open();
    await membership.accept(sign("finance", 2));
    const sharing = createBundleSharing(membership, { role: "finance" });
    await sharing.take({ manifest: sign("finance", 2).manifest, bundle: null, revocations: [statement(1)] });
    expect(() => membership.verify(issue(), marco)).toThrow(code("REVOKED"));

    const trust = { revocations: { seq: 1, agents: [], subjects: [], keys: [organisation.admin.thumbprint] } };
    await membership.accept(organisation.sign("finance", { version: 3, nowMs: clock.now(), trust }));
    expect(membership.verify(issue(), marco).sub).toBe("marco.diaz");
    await sharing.take({ manifest: sign("finance", 2).manifest, bundle: null, revocations: [statement(1), statement(2)] });
    expect((await open()).verify(issue(), marco).sub).toBe("marco.diaz");
  });

  it("of before a restart is told as lost where its file is damaged, and not taken for none", async () => {
    await (await open()).accept(sign("finance", 2));
    await writeFile(join(dir, "revocations.json"), "{");
    await expect(open()).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});
