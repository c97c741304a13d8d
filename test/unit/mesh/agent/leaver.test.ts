/** Somebody leaves and is revoked while a colleague is off: what the leaver can still do there, and for how long. */
import { beforeEach, describe, expect, it } from "vitest";
import { createBundlePolicy } from "../../../../mesh/agent/bundle-policy.ts";
import { createBundleSharing } from "../../../../mesh/agent/bundle-sharing.ts";
import { createMembership, type Membership } from "../../../../mesh/agent/membership.ts";
import { BUNDLE_LIFETIME_MS, CLOCK_LEEWAY_MS, CREDENTIAL_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { judgeHello } from "../../../../mesh/peer/hello-wire.ts";
import { agentIdOf, generateAgentKeys, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { issueMembership } from "../../../../mesh/identity/membership.ts";
import { revocationDigest, signRevocation } from "../../../../mesh/identity/revocation.ts";
import type { PeerMembership } from "../../../../mesh/peer/peer-node.ts";
import { openBundleStore } from "../../../../profiles/bundle/bundle-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";
import { createTestOrganisation, testSources } from "../../../support/test-organisation.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const HOUR_MS = 3_600_000;
const organisation = createTestOrganisation();
const { org, admin, issuer } = organisation;
const code = (name: string) => expect.objectContaining({ code: name });
const keysOf = (name: string) => generateAgentKeys(seededRandom(name));
const idOf = (name: string): string => agentIdOf(publicJwkOf(keysOf(name).sign));
const marco = idOf("marco");

let clock: VirtualClock;
/** A colleague's agent that was off when it happened. */
let fiona: Membership;
/** Another colleague's, which has heard. */
let edward: Membership;
let leaver: string;

const issue = (name: string, subject: string, role: string): string =>
  issueMembership({
    org,
    member: { subject, role, department: role, agentId: idOf(name), seal: publicJwkOf(keysOf(name).seal) },
    signer: issuer,
    nowMs: clock.now(),
    random: seededRandom(`${name} ${clock.now()}`),
  });

async function membershipOf(name: string, subject: string, role: string): Promise<Membership> {
  const bundles = await openBundleStore(
    { clock },
    { dir: tempFolder(), rootFingerprint: organisation.root.thumbprint, org, role, subject },
  );
  const never = () => Promise.reject(new Error("the node is not reached"));
  const nothing = async (): Promise<void> => undefined;
  const deps = { bundles, clock, source: { profile: never, credential: never }, saveCredential: nothing, audit: nothing };
  const membership = createMembership(deps, { credential: issue(name, subject, role) });
  await membership.accept(organisation.sign(role, { version: 1, nowMs: clock.now() }));
  return membership;
}

const statement = (): string =>
  signRevocation({
    statement: { v: 1, org, seq: 1, issuedAt: new Date(clock.now()).toISOString(), agents: [], subjects: ["marco.diaz"], keys: [] },
    signer: admin,
  });

/** What the leaver's agent says to Fiona's, as often as it likes. */
const hello = () => {
  const membership: PeerMembership = {
    credential: fiona.credential,
    verify: (jwt, agentId) => ({ ...fiona.verify(jwt, agentId), agentId, subject: "marco.diaz" }),
    bundleVersion: () => 1,
    revocationSeq: () => 0,
    card: () => ({ version: 1, skills: [] }),
  };
  const said = {
    v: 1 as const,
    kind: "hello" as const,
    org,
    credential: leaver,
    bundleVersion: 1,
    revocationSeq: 0,
    card: { version: 1, skills: [] },
    addresses: [],
    time: clock.now(),
  };
  return judgeHello(said, marco, { org, membership, now: clock.now() });
};

beforeEach(async () => {
  clock = createVirtualClock();
  fiona = await membershipOf("fiona", "fiona.berg", "finance");
  edward = await membershipOf("edward", "edward.lindqvist", "executive");
  leaver = issue("marco", "marco.diaz", "marketing");
  await edward.acceptRevocation(statement());
});

describe("a leaver who was revoked while a colleague was off", () => {
  it("is believed by nobody who has heard, from that moment on", () => {
    expect(() => edward.verify(leaver, marco)).toThrow(code("REVOKED"));
    const policy = createBundlePolicy(edward.bundle, () => edward.trust().manifest);
    const principal = { agentId: marco, subject: "marco.diaz", role: "marketing", department: "marketing" };
    expect(policy.decide({ action: "notify.send", principal, targetRole: "executive" })).toMatchObject({ allowed: false });
  });

  it("reaches a colleague who has not heard until the credential ends, 36 hours after it was issued, and no longer", () => {
    clock.jump(CREDENTIAL_LIFETIME_MS + CLOCK_LEEWAY_MS);
    expect(hello().principal.subject).toBe("marco.diaz");
    clock.jump(1);
    expect(hello).toThrow(code("CREDENTIAL_EXPIRED"));
  });

  it("is cut off by that colleague as soon as it meets anybody who has heard, also without the bootstrap node", async () => {
    expect(fiona.verify(leaver, marco).sub).toBe("marco.diaz");
    const [fionas, edwards] = [createBundleSharing(fiona, { role: "finance" }), createBundleSharing(edward, { role: "executive" })];
    const revocations = revocationDigest(edward.trust().revocations) ?? "";
    expect(fionas.wants({ bundleVersion: 1, revocationSeq: 0, revocations }, "executive")).toBe(true);
    const offer = edwards.offer("finance");
    if (offer === undefined) throw new Error("edward offers nothing");
    await fionas.take(offer);
    expect(hello).toThrow(code("REVOKED"));
  });

  it("can't keep the colleague from hearing for longer than the colleague's bundle lasts: then it believes nobody", () => {
    clock.jump(BUNDLE_LIFETIME_MS);
    leaver = issue("marco", "marco.diaz", "marketing");
    expect(hello).toThrow(code("BUNDLE_EXPIRED"));
  });

  it("who was only taken off the org chart counts for nothing either where the new bundle has come, without any revocation", async () => {
    const sources = { ...testSources(), orgChart: testSources().orgChart.filter(({ id }) => id !== "marco.diaz") };
    await fiona.accept(organisation.sign("finance", { version: 2, nowMs: clock.now(), sources }));
    expect(hello).toThrow(code("NOT_A_MEMBER"));
  });

  it("goes on with its own bundle on its own machine until that ends, and gets no newer one", async () => {
    const own = await membershipOf("marco", "marco.diaz", "marketing");
    await expect(own.refresh()).rejects.toThrow("not reached");
    clock.jump(BUNDLE_LIFETIME_MS - HOUR_MS);
    expect(own.bundle().manifest.version).toBe(1);
    clock.jump(HOUR_MS);
    expect(() => own.bundle()).toThrow(code("BUNDLE_EXPIRED"));
  });
});

describe("two machines whose clocks are ten minutes apart", () => {
  it.each([600_000, -600_000])("don't meet, and each is told what to do (%d ms)", (apart) => {
    const membership: PeerMembership = {
      credential: fiona.credential,
      verify: () => ({ agentId: marco, subject: "marco.diaz", role: "marketing", department: "marketing" }),
      bundleVersion: () => 1,
      revocationSeq: () => 0,
      card: () => ({ version: 1, skills: [] }),
    };
    const said = {
      v: 1,
      kind: "hello",
      org,
      credential: leaver,
      bundleVersion: 1,
      revocationSeq: 0,
      card: { version: 1, skills: [] },
      addresses: [],
      time: clock.now() + apart,
    } as const;
    const meet = () =>
      judgeHello({ ...said, card: { version: 1, skills: [] }, addresses: [] }, marco, { org, membership, now: clock.now() });
    expect(meet).toThrow(expect.objectContaining({ code: "CLOCK_SKEW", message: expect.stringContaining("network time") }));
  });
});
