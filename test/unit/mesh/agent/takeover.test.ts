/** A bootstrap node in the wrong hands: its issuer key, its agent key and its store. What a colleague's agent then believes. */
import { beforeEach, describe, expect, it } from "vitest";
import { createMembership, type Membership } from "../../../../mesh/agent/membership.ts";
import { trustOf, trustVersion } from "../../../../mesh/agent/agent-work.ts";
import { createOwnAgents } from "../../../../mesh/agent/own-agents.ts";
import { openAuditChain } from "../../../../mesh/audit/chain.ts";
import { SECOND_AGENT } from "../../../../mesh/contract/audit.ts";
import type { MembershipClaims } from "../../../../mesh/contract/identity.ts";
import { newUuid } from "../../../../mesh/contract/ids.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import type { EnvelopeClaims } from "../../../../mesh/contract/message.ts";
import type { OrderedStore, Signer } from "../../../../mesh/contract/ports.ts";
import { createEnvelopeOpener, sealEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { signApproval } from "../../../../mesh/identity/approval.ts";
import { agentIdOf, createSigner, generateAgentKeys, publicJwkOf, thumbprintOf } from "../../../../mesh/identity/keys.ts";
import { issueMembership } from "../../../../mesh/identity/membership.ts";
import { signRevocation } from "../../../../mesh/identity/revocation.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { openBundleStore } from "../../../../profiles/bundle/bundle-store.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";
import { createTestOrganisation, testSources } from "../../../support/test-organisation.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const organisation = createTestOrganisation();
const { org, issuer, admin } = organisation;
const code = (name: string) => expect.objectContaining({ code: name });
const keysOf = (name: string) => generateAgentKeys(seededRandom(name));
const signerOf = (name: string): Signer => createSigner(keysOf(name).sign);
const idOf = (name: string): string => agentIdOf(publicJwkOf(keysOf(name).sign));
const [fiona, edward] = [idOf("fiona"), idOf("edward")];
const edwardsApprovalKey = seededSigner("edward's approval key");
const roster = {
  approvers: [{ subject: "edward.lindqvist", role: "executive", key: edwardsApprovalKey.publicJwk }],
  stewards: [],
  agents: [{ subject: "edward.lindqvist", key: thumbprintOf(keysOf("edward").sign) }],
};
/** Fiona's agent, which judges. */
let membership: Membership;
let clock: VirtualClock;
let seen: MembershipClaims[];

/** What whoever holds an issuer key can make: a credential in anybody's name for a key of their own. */
const admit = (key: string, subject: string, role: string, by: Signer = issuer): string =>
  issueMembership({
    org,
    member: { subject, role, department: role, agentId: idOf(key), seal: publicJwkOf(keysOf(key).seal) },
    signer: by,
    nowMs: clock.now(),
    random: seededRandom(`${key} ${subject} ${by.thumbprint}`),
  });
const sign = (version: number, trust: object = {}, root?: Signer) =>
  organisation.sign("finance", { version, nowMs: clock.now(), trust: { roster, ...trust }, ...(root === undefined ? {} : { root }) });

beforeEach(async () => {
  clock = createVirtualClock();
  seen = [];
  const config = { dir: tempFolder(), rootFingerprint: organisation.root.thumbprint, org, role: "finance", subject: "fiona.berg" };
  const never = () => Promise.reject(new Error("the node is not asked here"));
  membership = createMembership(
    {
      bundles: await openBundleStore({ clock }, config),
      source: { profile: never, credential: never },
      clock,
      saveCredential: async () => undefined,
      sawOwnSubject: (claims) => void seen.push(claims),
      audit: async () => undefined,
    },
    { credential: admit("fiona", "fiona.berg", "finance") },
  );
  await membership.accept(sign(1));
});

describe("who holds the bootstrap node's issuer key", () => {
  it("can't admit an agent in the name of somebody on the roster; the pinned agent goes on", () => {
    const impostor = admit("mallory", "edward.lindqvist", "executive");
    expect(() => membership.verify(impostor, idOf("mallory"))).toThrow(code("AGENT_NOT_PINNED"));
    expect(membership.verify(admit("edward", "edward.lindqvist", "executive"), edward).sub).toBe("edward.lindqvist");
  });

  it("can't admit one for an approver whom the roster names no agent of: nobody is believed then", async () => {
    await membership.accept(sign(2, { roster: { ...roster, agents: [] } }));
    expect(() => membership.verify(admit("edward", "edward.lindqvist", "executive"), edward)).toThrow(code("AGENT_NOT_PINNED"));
  });

  it("can't send a rostered person's message: not with an agent of its own, and not in the name of theirs", () => {
    const { trustVersion: version, verifyCredential } = trust();
    const open = createEnvelopeOpener({ trustVersion: version, verifyCredential }, { self: fiona, org });
    const envelope = (from: string, credential: string, signer: Signer): Uint8Array => {
      const claims: EnvelopeClaims = {
        v: 1,
        id: newUuid(clock.now(), seededRandom("id")),
        ts: clock.now(),
        exp: clock.now() + 60_000,
        org,
        from,
        to: fiona,
        priority: "P1",
        policyHash: "0".repeat(64),
        traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
        credential,
        message: { type: "notification", message: "Pay this at once.", severity: "info" },
      };
      return sealEnvelope(claims, signer);
    };
    const mallory = signerOf("mallory");
    const own = admit("mallory", "edward.lindqvist", "executive");
    expect(() => open(envelope(idOf("mallory"), own, mallory), clock.now())).toThrow(code("AGENT_NOT_PINNED"));
    const edwards = admit("edward", "edward.lindqvist", "executive");
    expect(() => open(envelope(edward, edwards, mallory), clock.now())).toThrow(code("ENVELOPE_INVALID"));
    expect(() => open(envelope(idOf("mallory"), edwards, mallory), clock.now())).toThrow(code("CREDENTIAL_INVALID"));
    expect(open(envelope(edward, edwards, signerOf("edward")), clock.now()).member.sub).toBe("edward.lindqvist");
  });

  it("can't forge an approval", () => {
    const asked = {
      approvalId: newUuid(clock.now(), seededRandom("approval")),
      requester: fiona,
      requesterSubject: "fiona.berg",
      payloadHash: canonicalHash({}),
    };
    const { approvalId, requester, payloadHash } = asked;
    const approver = { subject: "edward.lindqvist", role: "executive" };
    const decidedAt = new Date(clock.now()).toISOString();
    const statement = { v: 1, org, approvalId, requester, payloadHash, decision: "approved", reason: "", approver, decidedAt } as const;
    for (const thief of [issuer, signerOf("mallory")])
      expect(() => trust().verifyApproval(signApproval({ statement, signer: thief }), asked)).toThrow(code("APPROVAL_INVALID"));
    expect(trust().verifyApproval(signApproval({ statement, signer: edwardsApprovalKey }), asked).decision).toBe("approved");
  });

  it("has no use for the approval key of somebody who has left or moved, also where the roster still names it", async () => {
    const payloadHash = canonicalHash({});
    const asked = { approvalId: newUuid(clock.now(), seededRandom("left")), requester: fiona, requesterSubject: "fiona.berg", payloadHash };
    const { approvalId, requester } = asked;
    const approver = { subject: "edward.lindqvist", role: "executive" };
    const decidedAt = new Date(clock.now()).toISOString();
    const statement = { v: 1, org, approvalId, requester, payloadHash, decision: "approved", reason: "", approver, decidedAt } as const;
    const signed = signApproval({ statement, signer: edwardsApprovalKey });
    expect(trust().verifyApproval(signed, asked).approver).toEqual(approver);
    const place = { department: "executive", agentId: agentIdOf(edwardsApprovalKey.publicJwk) };
    expect(trust().approverOf(signed)).toEqual({ ...approver, ...place, over: expect.arrayContaining(["finance"]) });
    const sources = testSources();
    const others = sources.orgChart.map((seat) => (seat.manager === "edward.lindqvist" ? { ...seat, manager: null } : seat));
    const charts = [
      sources.orgChart.map((seat) => (seat.id === "edward.lindqvist" ? { ...seat, role: "marketing", department: "marketing" } : seat)),
      others.filter(({ id }) => id !== "edward.lindqvist"),
    ];
    for (const [i, orgChart] of charts.entries()) {
      await membership.accept(
        organisation.sign("finance", { version: 2 + i, nowMs: clock.now(), trust: { roster }, sources: { ...sources, orgChart } }),
      );
      expect(() => trust().verifyApproval(signed, asked)).toThrow(code("APPROVAL_INVALID"));
      expect(trust().approverOf(signed)).toBeUndefined();
    }
  });

  it("can't forge a bundle, nor a revocation", async () => {
    const admins = { admins: [issuer.publicJwk] };
    await expect(membership.accept(sign(2, admins, issuer))).rejects.toThrow(code("BUNDLE_SIGNATURE"));
    await expect(membership.acceptTrust(sign(2, admins, issuer).manifest)).rejects.toThrow(code("BUNDLE_SIGNATURE"));
    await expect(membership.acceptRevocation(revoke({ subjects: ["fiona.berg"] }, issuer))).rejects.toThrow(code("CREDENTIAL_INVALID"));
    expect(membership.bundle().manifest.version).toBe(1);
  });

  it("can admit an impostor of somebody else, whom that person's own agent sees, and whom an admin cuts off by its agent id", async () => {
    const impostor = admit("mallory", "fiona.berg", "finance");
    expect(membership.verify(impostor, idOf("mallory")).sub).toBe("fiona.berg");
    expect(seen.map(({ agent }) => agent)).toEqual([idOf("mallory")]);
    await membership.acceptRevocation(revoke({ agents: [idOf("mallory")] }));
    expect(() => membership.verify(impostor, idOf("mallory"))).toThrow(code("REVOKED"));
    expect(membership.verify(admit("fiona", "fiona.berg", "finance"), fiona).sub).toBe("fiona.berg");
  });

  it("can do none of it any more once an admin revokes the issuer key; members go on with the next issuer's credentials", async () => {
    const next = seededSigner("next issuer");
    await membership.accept(sign(2, { issuers: [issuer.publicJwk, next.publicJwk] }));
    const before = trustVersion(membership.bundle, membership);
    await membership.acceptRevocation(revoke({ keys: [issuer.thumbprint] }));
    expect(trustVersion(membership.bundle, membership)).not.toBe(before);
    for (const [key, subject, role] of [
      ["mallory", "marco.diaz", "marketing"],
      ["edward", "edward.lindqvist", "executive"],
    ] as const)
      expect(() => membership.verify(admit(key, subject, role), idOf(key))).toThrow(code("REVOKED"));
    expect(membership.verify(admit("edward", "edward.lindqvist", "executive", next), edward).sub).toBe("edward.lindqvist");
  });
});

describe("an agent that sees another one of its own person", () => {
  it("raises an alarm in its audit, once for each, over restarts too", async () => {
    const store = openMemoryStore();
    const actions = await open(store, [idOf("mallory"), idOf("mallory"), idOf("phone")]);
    expect(actions).toEqual([
      [SECOND_AGENT, `agent:${idOf("mallory")}`],
      [SECOND_AGENT, `agent:${idOf("phone")}`],
    ]);
    expect(await open(store, [idOf("phone")])).toEqual(actions);
  });
});

async function open(store: OrderedStore, agents: readonly string[]): Promise<[string, string][]> {
  const chain = await openAuditChain({ store, random: seededRandom("chain") }, { org, agentId: fiona });
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const actor = { type: "agent", id: fiona, role: "finance" } as const;
  const own = createOwnAgents({ queue, store, actor, log: { warn: () => undefined }, newTrace: () => "0".repeat(32), onError: fail });
  for (const agent of agents) own.saw(agent, clock.now());
  await queue.run(() => undefined);
  return (await chain.list({ fromSeq: 1, limit: 10 })).map(({ action, target }) => [action, target]);
}

const trust = () => trustOf({ bundle: membership.bundle, membership, clock, config: { org } });
const revoke = (named: { agents?: string[]; subjects?: string[]; keys?: string[] }, signer = admin): string =>
  signRevocation({
    statement: { v: 1, org, seq: 1, issuedAt: new Date(clock.now()).toISOString(), agents: [], subjects: [], keys: [], ...named },
    signer,
  });
