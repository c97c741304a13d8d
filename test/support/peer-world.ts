/** Organisations with members, and real peer nodes of them over TCP on loopback. */
import { createHash } from "node:crypto";
import type { Revocations } from "../../mesh/contract/bundle.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import { agentIdOf, type Ed25519PrivateJwk, generateAgentKeys, publicJwkOf } from "../../mesh/identity/keys.ts";
import { issueMembership, type MembershipTrust, verifyMembership } from "../../mesh/identity/membership.ts";
import { createPeerNode } from "../../mesh/peer/create-peer-node.ts";
import type {
  AgentCard,
  PeerBook,
  PeerBookEntry,
  PeerMembership,
  PeerNode,
  PeerNodeConfig,
  PeerNodeDeps,
  PeerRefusal,
} from "../../mesh/peer/peer-node.ts";
import { createRealClock, realRandom } from "./real-clock.ts";
import { seededRandom, seededSigner } from "./seeded-keys.ts";

/** A member's key and credential, and how it judges others. */
export interface TestMember {
  readonly agentId: string;
  readonly key: Ed25519PrivateJwk;
  readonly membership: PeerMembership;
  /** Replaces the credential, as a renewal does. */
  renew(credential: string): void;
}

/** An organisation that issues memberships and can revoke them. */
export interface TestOrganisation {
  readonly org: string;
  /** What all its members go by; revoking changes it for all at once. */
  readonly trust: MembershipTrust & { revocations: Revocations };
  /** A credential for the holder of a key. */
  issue(agentId: string, claims?: { subject?: string; role?: string; issuedMs?: number; lifetimeMs?: number }): string;
  /** A member of a name; its key follows from the name. */
  member(name: string, claims?: { role?: string; issuedMs?: number; lifetimeMs?: number; card?: AgentCard }): TestMember;
  revoke(agentId: string): void;
}

/** The signing key of a name. */
export const keyOf = (name: string): Ed25519PrivateJwk => generateAgentKeys(seededRandom(name)).sign;

/** An organisation of a name; the same name gives the same one in another process. */
export function createTestOrganisation(name: string): TestOrganisation {
  const issuer = seededSigner(`issuer of ${name}`);
  const hex = createHash("sha256").update(name).digest("hex");
  const org = `org_${Array.from(hex.slice(0, 26), (digit) => "abcdefghijklmnop"[Number.parseInt(digit, 16)]).join("")}`;
  const trust = { org, issuers: [issuer.publicJwk], revocations: { seq: 0, agents: [] as string[], subjects: [], keys: [] } };
  const { x } = generateAgentKeys(seededRandom(name)).seal;

  const issue: TestOrganisation["issue"] = (agentId, claims = {}) =>
    issueMembership({
      org,
      member: {
        subject: claims.subject ?? "someone",
        role: claims.role ?? "finance",
        department: "finance",
        agentId,
        seal: { kty: "OKP", crv: "X25519", x },
      },
      signer: issuer,
      nowMs: claims.issuedMs ?? Date.now(),
      random: realRandom,
      ...(claims.lifetimeMs === undefined ? {} : { lifetimeMs: claims.lifetimeMs }),
    });

  function verify(jwt: string, agentId: string): Principal {
    const claims = verifyMembership({ jwt, manifest: trust, nowMs: Date.now(), agentId });
    return { agentId: claims.agent, subject: claims.sub, role: claims.role, department: claims.department };
  }

  return {
    org,
    trust,
    issue,
    member(memberName, claims = {}) {
      const key = keyOf(memberName);
      const agentId = agentIdOf(publicJwkOf(key));
      let credential = issue(agentId, { subject: memberName, ...claims });
      return {
        agentId,
        key,
        membership: {
          credential: () => credential,
          verify,
          bundleVersion: () => 1,
          revocationSeq: () => trust.revocations.seq,
          sharing: { wants: () => false, offer: () => undefined, take: async () => undefined },
          card: () => claims.card ?? { version: 1, skills: [{ id: "echo", description: "Answers with what it got." }] },
        },
        renew(next) {
          credential = next;
        },
      };
    },
    revoke(agentId) {
      trust.revocations = { ...trust.revocations, seq: trust.revocations.seq + 1, agents: [...trust.revocations.agents, agentId] };
    },
  };
}

/** A peer book in memory. */
export function createMemoryBook(entries: readonly PeerBookEntry[] = []): PeerBook & { entries: readonly PeerBookEntry[] } {
  const book = {
    entries,
    load: async () => book.entries,
    save: async (next: readonly PeerBookEntry[]) => {
      book.entries = next;
    },
  };
  return book;
}

/** A peer node under test with what it refused. It echoes frames. */
export interface TestPeer {
  readonly node: PeerNode;
  readonly member: TestMember;
  readonly refusals: PeerRefusal[];
  /** Frames that reached the handler. */
  readonly received: { frame: Uint8Array; from: Principal }[];
}

/** Starts a peer node on loopback that echoes frames. */
export async function startTestPeer(
  organisation: TestOrganisation,
  member: TestMember,
  options: { config?: Partial<PeerNodeConfig>; deps?: Partial<PeerNodeDeps>; org?: string } = {},
): Promise<TestPeer> {
  const refusals: PeerRefusal[] = [];
  const received: { frame: Uint8Array; from: Principal }[] = [];
  const node = await createPeerNode(
    {
      privateKey: member.key,
      membership: member.membership,
      book: createMemoryBook(),
      onRefusal: (refusal) => refusals.push(refusal),
      clock: createRealClock(),
      random: realRandom,
      log: { debug: () => undefined, warn: () => undefined },
      ...options.deps,
    },
    { org: organisation.org, listen: ["/ip4/127.0.0.1/tcp/0"], bootstrapPeers: [], mdns: false, ...options.config },
  );
  node.handleFrames(async (frame, from) => {
    received.push({ frame, from });
    return frame;
  });
  return { node, member, refusals, received };
}

/** The address of a started peer. */
export function addressOf(peer: TestPeer): string {
  const [address] = peer.node.addresses();
  if (address === undefined) throw new Error("the peer does not listen");
  return address;
}
