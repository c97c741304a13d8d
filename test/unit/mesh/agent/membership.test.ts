import { beforeEach, describe, expect, it } from "vitest";
import { createMembership, type Membership } from "../../../../mesh/agent/membership.ts";
import type { AuditDraft } from "../../../../mesh/contract/audit.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { CREDENTIAL_LIFETIME_MS, CREDENTIAL_RENEW_MS } from "../../../../mesh/contract/limits.ts";
import { agentIdOf, generateAgentKeys, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { signJws, unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import { issueMembership } from "../../../../mesh/identity/membership.ts";
import { openBundleStore } from "../../../../profiles/bundle/bundle-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";
import type { OrganisationSources } from "../../../../profiles/bundle/read-sources.ts";
import { createTestOrganisation, testSources } from "../../../support/test-organisation.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const organisation = createTestOrganisation();
const { org } = organisation;

let clock: VirtualClock;
let audited: Pick<AuditDraft, "action" | "target" | "result" | "details">[];
let saved: string[];
let places: object[];
let changes: number;
let offered: { bundle: unknown; profile: (role: string) => { bundle: unknown; revocations?: string[] }; credential: () => string };

/** A credential of the agent of a name. */
function issue(
  name = "fiona",
  issuer = organisation.issuer,
  claims: { subject?: string; role?: string; department?: string } = {},
): string {
  const keys = generateAgentKeys(seededRandom(name));
  const agentId = agentIdOf(publicJwkOf(keys.sign));
  const member = { subject: "fiona.berg", role: "finance", department: "finance", agentId, seal: publicJwkOf(keys.seal), ...claims };
  return issueMembership({ org, member, signer: issuer, nowMs: clock.now(), random: seededRandom(`${name} ${clock.now()}`) });
}

const sign = (version: number, options: object = {}) => organisation.sign("finance", { version, nowMs: clock.now(), ...options });

/** Fiona's membership with version 2 of her bundle. */
async function join(): Promise<Membership> {
  const bundles = await openBundleStore(
    { clock },
    { dir: tempFolder(), rootFingerprint: organisation.root.thumbprint, org, role: "finance", subject: "fiona.berg" },
  );
  const membership = createMembership(
    {
      bundles,
      clock,
      source: { profile: async (role) => offered.profile(role), credential: async () => offered.credential() },
      saveCredential: async (jwt) => void saved.push(jwt),
      savePlace: async (place) => void places.push(place),
      audit: async (draft) => void audited.push(draft),
    },
    { credential: issue() },
  );
  offered.bundle = sign(2);
  await membership.accept(offered.bundle);
  audited = [];
  membership.onChange(() => (changes += 1));
  return membership;
}

beforeEach(() => {
  clock = createVirtualClock();
  [audited, saved, places, changes] = [[], [], [], 0];
  offered = { bundle: undefined, profile: () => ({ bundle: offered.bundle }), credential: () => issue() };
});

describe("a bundle", () => {
  it("that is newer is taken, audited and told", async () => {
    const membership = await join();
    const revocations = { seq: 4, agents: [], subjects: ["marco.diaz"], keys: [] };
    await membership.accept(sign(3, { trust: { revocations } }));
    expect(membership.bundle().manifest.version).toBe(3);
    expect(audited).toMatchObject([{ action: "bundle.accept", target: "bundle:finance@3", result: "ok", details: { revocationSeq: 4 } }]);
    expect(changes).toBe(1);
  });

  it("that only a later version of Gaggle can read leaves the last good one in force, and says so until a good one comes", async () => {
    const membership = await join();
    const later = sign(3);
    const payload = { ...(unverifiedPayloadOf(later.manifest) as object), later: 1 };
    const manifest = signJws({ typ: "gaggle-bundle+jws", payload, signer: organisation.root });
    expect(membership.refusedNewer()).toBeUndefined();
    await expect(membership.accept({ ...later, manifest })).rejects.toMatchObject({ code: "BUNDLE_NEWER" });
    await expect(membership.acceptTrust(manifest)).rejects.toMatchObject({ code: "BUNDLE_NEWER" });
    expect(membership.bundle().manifest.version).toBe(2);
    expect(membership.refusedNewer()).toContain("update Gaggle on this machine");
    expect(audited).toMatchObject([{ action: "bundle.refuse", result: "denied", details: { code: "BUNDLE_NEWER", kept: 2 } }]);
    await membership.accept(sign(4));
    expect(membership.refusedNewer()).toBeUndefined();
  });

  it("that is there already changes and records nothing", async () => {
    const membership = await join();
    await membership.accept(offered.bundle);
    expect([audited, changes]).toEqual([[], 0]);
  });

  it.each([
    ["is older", () => sign(1), "BUNDLE_ROLLBACK"],
    ["is altered", () => ({ ...sign(3), files: {} }), "BUNDLE_SIGNATURE"],
    ["is nothing at all", () => undefined, "BUNDLE_SIGNATURE"],
    ["is of another role", () => organisation.sign("marketing", { version: 3, nowMs: clock.now() }), "BUNDLE_MISMATCH"],
  ])("that %s is refused, audited, and the last good one stays", async (_, bundle, code) => {
    const membership = await join();
    await expect(membership.accept(bundle())).rejects.toMatchObject({ code });
    expect(membership.bundle().manifest.version).toBe(2);
    expect(audited).toMatchObject([{ action: "bundle.refuse", result: "denied", details: { code, kept: 2 } }]);
    expect(changes).toBe(0);
  });

  it("that expires can still be shown, but nothing is done by it", async () => {
    const membership = await join();
    clock.jump(31 * 86_400_000);
    expect(() => membership.bundle()).toThrow(expect.objectContaining({ code: "BUNDLE_EXPIRED" }));
    expect(() => membership.verify(issue())).toThrow(expect.objectContaining({ code: "BUNDLE_EXPIRED" }));
    expect(membership.lastBundle().manifest.version).toBe(2);
  });
});

describe("the credential", () => {
  it("is left alone while it is young, and renewed, stored and told when its time has come", async () => {
    const membership = await join();
    const first = membership.credential();
    clock.jump(CREDENTIAL_RENEW_MS - 1_000);
    await membership.refresh();
    expect(membership.credential()).toBe(first);
    clock.jump(1_000);
    await membership.refresh();
    expect(saved).toEqual([membership.credential()]);
    expect(membership.credential()).not.toBe(first);
    expect(membership.credentialExpiresAt()).toBe(clock.now() + CREDENTIAL_LIFETIME_MS);
    expect(changes).toBe(1);
  });

  it.each([
    ["of another agent", () => issue("mallory"), "CREDENTIAL_INVALID"],
    [
      "for another person",
      () => issue("fiona", organisation.issuer, { subject: "marco.diaz", role: "marketing", department: "marketing" }),
      "CREDENTIAL_INVALID",
    ],
    ["by a key that is no issuer", () => issue("fiona", organisation.admin), "CREDENTIAL_INVALID"],
    ["that is none", () => "a.b.c", "CREDENTIAL_INVALID"],
  ])("%s is not taken, and the old one stays", async (_, credential, code) => {
    const membership = await join();
    const first = membership.credential();
    clock.jump(CREDENTIAL_RENEW_MS);
    offered.credential = credential;
    await expect(membership.refresh()).rejects.toMatchObject({ code });
    expect([membership.credential(), saved, changes]).toEqual([first, [], 0]);
  });

  it("that could not be stored is not used: a restart would not have it", async () => {
    const membership = await join();
    const first = membership.credential();
    clock.jump(CREDENTIAL_RENEW_MS);
    saved.push = () => {
      throw new GaggleError("STORE_FAILED", "full");
    };
    await expect(membership.refresh()).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(membership.credential()).toBe(first);
  });

  it("of a colleague is judged by the newest bundle, and by the agent that shows it", async () => {
    const membership = await join();
    const theirs = issue("marco");
    const { agent } = membership.verify(theirs);
    expect(() => membership.verify(theirs, membership.verify(membership.credential()).agent)).toThrow(
      expect.objectContaining({ code: "CREDENTIAL_INVALID" }),
    );
    await membership.accept(sign(3, { trust: { revocations: { seq: 1, agents: [agent], subjects: [], keys: [] } } }));
    expect(() => membership.verify(theirs)).toThrow(expect.objectContaining({ code: "REVOKED" }));
  });

  it("of somebody whom the signed org chart does not have in that role counts for nothing, whatever the issuer says", async () => {
    const membership = await join();
    const asNode = { subject: "bootstrap", role: "bootstrap", department: "platform" };
    const strangers = [
      { subject: "nobody.known" },
      { role: "hr" },
      { department: "executive" },
      // An issuer's key must not buy a place in a department under the node's role.
      { ...asNode, department: "finance" },
      { ...asNode, subject: "nobody.known" },
    ];
    for (const claims of strangers) {
      const jwt = issue("marco", organisation.issuer, claims);
      expect(() => membership.verify(jwt), JSON.stringify(claims)).toThrow(expect.objectContaining({ code: "NOT_A_MEMBER" }));
    }
    const node = issue("node", organisation.issuer, asNode);
    expect(membership.verify(node)).toMatchObject({ sub: "bootstrap" });
  });
});

describe("a person who moves to another role", () => {
  const moved: OrganisationSources = {
    ...testSources(),
    orgChart: testSources().orgChart.map((seat) =>
      seat.id === "fiona.berg" ? { ...seat, role: "marketing", department: "marketing" } : seat,
    ),
  };
  const bundleOf = (role: string) => organisation.sign(role, { version: 3, nowMs: clock.now(), sources: moved });
  const inMarketing = { role: "marketing", department: "marketing" };

  beforeEach(() => {
    offered.profile = (role) => {
      if (role !== "marketing") throw new GaggleError("POLICY_DENIED", "An agent gets its own role's bundle only.");
      return { bundle: bundleOf("marketing") };
    };
    offered.credential = () => issue("fiona", organisation.issuer, inMarketing);
  });

  it("has the new role's bundle and credential after one look at the node, and the move is recorded and told", async () => {
    const membership = await join();
    expect(membership.place()).toMatchObject({ role: "finance", department: "finance" });
    await membership.refresh();
    expect(membership.bundle().profile.role).toBe("marketing");
    expect(membership.place()).toMatchObject(inMarketing);
    expect(membership.verify(membership.credential())).toMatchObject({ sub: "fiona.berg", ...inMarketing });
    expect([saved, places]).toEqual([[membership.credential()], [inMarketing]]);
    expect(audited.map(({ action }) => action)).toEqual(["member.move", "bundle.accept"]);
    expect(audited[0]?.details).toEqual({ fromRole: "finance", fromDepartment: "finance", ...inMarketing });
  });

  it("is believed in the new role by a colleague with the new chart, and in the old one no more", async () => {
    const membership = await join();
    const old = membership.credential();
    await membership.accept(bundleOf("marketing"));
    expect(() => membership.verify(old)).toThrow(expect.objectContaining({ code: "NOT_A_MEMBER" }));
    expect(membership.verify(issue("fiona", organisation.issuer, inMarketing)).role).toBe("marketing");
  });

  it("gets no role by an issuer's word: the root's chart has to say the same", async () => {
    const membership = await join();
    offered.profile = (role) => {
      if (role === "finance") throw new GaggleError("POLICY_DENIED", "An agent gets its own role's bundle only.");
      return { bundle: organisation.sign("marketing", { version: 3, nowMs: clock.now() }) };
    };
    await expect(membership.refresh()).rejects.toMatchObject({ code: "BUNDLE_MISMATCH" });
    expect(membership.place()).toMatchObject({ role: "finance" });
    expect(membership.bundle().manifest.version).toBe(2);
    expect([saved, places]).toEqual([[], []]);
  });

  it("is offered the old role's bundle with the new chart by a colleague: refused, recorded once, and the revocations in it count", async () => {
    const membership = await join();
    const old = bundleOf("finance");
    await membership.acceptTrust(old.manifest);
    for (let i = 0; i < 3; i += 1) await expect(membership.accept(old)).rejects.toMatchObject({ code: "BUNDLE_MISMATCH" });
    expect(audited.map(({ action }) => action)).toEqual(["bundle.trust", "bundle.refuse"]);
    expect(membership.trust().manifest.version).toBe(3);
  });

  it("who moved between departments in one role gets a new credential too", async () => {
    const membership = await join();
    const sources = {
      ...testSources(),
      orgChart: testSources().orgChart.map((seat) => (seat.id === "fiona.berg" ? { ...seat, department: "treasury" } : seat)),
    };
    offered.profile = () => ({ bundle: organisation.sign("finance", { version: 3, nowMs: clock.now(), sources }) });
    offered.credential = () => issue("fiona", organisation.issuer, { department: "treasury" });
    await membership.refresh();
    expect(membership.verify(membership.credential()).department).toBe("treasury");
    expect(saved).toHaveLength(1);
  });
});
