/**
 * The bootstrap node as a libp2p peer: a fixed point that members connect to and learn each other's addresses from. It takes no messages.
 */
import { createRefusalCounter } from "../mesh/audit/refusal-counter.ts";
import type { AuditDraft } from "../mesh/contract/audit.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import { CREDENTIAL_RENEW_MS } from "../mesh/contract/limits.ts";
import type { Clock, Random, Signer } from "../mesh/contract/ports.ts";
import { claimedKeyOf } from "../mesh/identity/jws.ts";
import { type AgentKeys, publicJwkOf } from "../mesh/identity/keys.ts";
import { checkPinned, issueMembership, verifyMembership } from "../mesh/identity/membership.ts";
import { revocationDigest, takeRevocations } from "../mesh/identity/revocation.ts";
import { createPeerNode } from "../mesh/peer/create-peer-node.ts";
import type { BundleOffer, BundleSharing, PeerNode } from "../mesh/peer/peer-node.ts";
import type { BundleShelf } from "./bundle-shelf.ts";
import { BOOTSTRAP_PLACE } from "../mesh/contract/identity.ts";
import { ownEvent, type OwnIdentity } from "./own-event.ts";
import type { NodeLog } from "./server.ts";

/** What the peer needs. */
export interface BootstrapPeerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeLog;
  readonly shelf: BundleShelf;
  readonly issuer: Signer;
  readonly keys: AgentKeys;
  readonly own: OwnIdentity;
  /** Writes events of the node's own chain. */
  record(drafts: readonly AuditDraft[]): void;
}

/** The running peer. */
export interface BootstrapPeer {
  /** Multiaddrs with peer id. */
  addresses(): string[];
  /** Ids of the members that are connected now. */
  connected(): ReadonlySet<string>;
  /** The node's own membership credential, which it issued to itself. */
  credential(): string;
  close(): Promise<void>;
}

/** Starts the peer. @param config `listen`: multiaddrs */
export async function startBootstrapPeer(
  deps: BootstrapPeerDeps,
  config: { org: string; listen: readonly string[]; mdns: boolean; networkKey: Uint8Array | undefined },
): Promise<BootstrapPeer> {
  const { clock, random, shelf } = deps;
  const counter = createRefusalCounter({
    clock,
    actor: { type: "service", id: deps.own.agentId, role: BOOTSTRAP_PLACE.role },
    newTraceId: () => ownEvent(deps.own, { action: "peer.refuse", target: "", result: "denied" }).traceId,
    record: deps.record,
  });
  const issue = (): string => {
    const member = { ...BOOTSTRAP_PLACE, agentId: deps.own.agentId, seal: publicJwkOf(deps.keys.seal) };
    return issueMembership({ org: config.org, member, signer: deps.issuer, nowMs: clock.now(), random });
  };
  let credential = issue();
  /** By the issuer key that is in use: its predecessor may have been revoked. */
  const ownCredential = (): string => {
    if (claimedKeyOf(credential) !== deps.issuer.thumbprint) credential = issue();
    return credential;
  };
  const membership = {
    credential: ownCredential,
    verify: (jwt: string, agentId: string) => {
      const { manifest } = shelf.newest();
      const claims = verifyMembership({ jwt, manifest, nowMs: clock.now(), agentId });
      checkPinned(claims, manifest.roster);
      const { sub, role, department } = claims;
      return { agentId, subject: sub, role, department };
    },
    bundleVersion: () => shelf.version(),
    revocationSeq: () => (shelf.version() === 0 ? 0 : shelf.newest().manifest.revocations.seq),
    revocations: () => revocationDigest(shelf.revocations()),
    card: () => ({ version: 1, skills: [] }),
    sharing: createNodeSharing(shelf),
  };
  const book = { load: async () => [], save: async () => undefined };
  const onRefusal = ({ agentId, address, code }: { agentId?: string; address: string; code: string }): void =>
    counter.count({ action: "peer.refuse", source: agentId ?? address, code });
  const peer: PeerNode = await createPeerNode(
    { privateKey: deps.keys.sign, membership, book, onRefusal, clock, random, log: deps.log },
    { org: config.org, listen: config.listen, bootstrapPeers: [], mdns: config.mdns, relay: "serve", networkKey: config.networkKey },
  );
  shelf.onChange(() => peer.membershipChanged());
  const stopRenewal = every(clock, CREDENTIAL_RENEW_MS, () => {
    credential = issue();
    peer.membershipChanged();
  });
  return {
    addresses: () => peer.addresses(),
    connected: () => new Set(peer.members().map(({ principal }) => principal.agentId)),
    credential: ownCredential,
    async close() {
      stopRenewal();
      counter.flush();
      await peer.close();
    },
  };
}

/** Hands out bundles and revocations. Bundles come from an admin alone; an admin's revocations also from members, who may have heard them while the node was down. */
function createNodeSharing(shelf: BundleShelf): BundleSharing {
  let looked: string | undefined;
  return {
    wants: ({ revocations }) =>
      revocations !== undefined && revocations !== looked && revocations !== revocationDigest(shelf.revocations()),
    async take({ revocations = [] }) {
      await takeRevocations(shelf, revocations);
      looked = revocationDigest(revocations);
    },
    offer: (role) => offerOf(shelf, role),
  };
}

/** The newest manifest, and the bundle of a role where there is a valid one. */
function offerOf(shelf: BundleShelf, role: string): BundleOffer | undefined {
  if (shelf.version() === 0) return undefined;
  const { manifest } = shelf.newest().signed;
  const revocations = shelf.revocations();
  try {
    return { manifest, bundle: shelf.ofRole(role).signed, revocations };
  } catch (error) {
    if (error instanceof GaggleError) return { manifest, bundle: null, revocations };
    throw error;
  }
}

/** Calls `fn` every `ms` until the function it gives back is called. */
export function every(clock: Clock, ms: number, fn: () => void): () => void {
  let cancel = clock.after(ms, function tick() {
    fn();
    cancel = clock.after(ms, tick);
  });
  return () => cancel();
}
