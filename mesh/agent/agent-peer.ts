/** The daemon's place in the mesh: its peer node, judged by the newest bundle, and the directory of who is there. */
import { createCardShelf } from "../directory/card-shelf.ts";
import type { Beat } from "../directory/card-wire.ts";
import type { CardService } from "../directory/create-card-service.ts";
import { createDirectory, type Directory } from "../directory/create-directory.ts";
import { createIntlZones } from "../directory/intl-zones.ts";
import { isRevoked } from "../identity/membership.ts";
import { readNetworkKey } from "../identity/network-key.ts";
import { createPeerNode } from "../peer/create-peer-node.ts";
import type { PeerMembership, PeerNode, PeerNodeDeps } from "../peer/peer-node.ts";
import { revocationDigest } from "../identity/revocation.ts";
import { createStoredPeerBook } from "../peer/stored-peer-book.ts";
import type { AgentCore } from "./agent-core.ts";
import { createBundleSharing } from "./bundle-sharing.ts";
import { freePort } from "./free-port.ts";
import { listenOnKeptPorts } from "./kept-ports.ts";
import { openCards } from "./open-cards.ts";
import type { SealKeys } from "./seal-keys.ts";

/** The daemon's place in the mesh. */
export interface AgentPeer {
  readonly peer: PeerNode;
  readonly directory: Directory;
  /** Start it once messages are taken. */
  readonly cards: CardService;
}

/**
 * Starts the peer node and opens the directory.
 * @param load this agent's load now
 * @throws GaggleError INVALID_INPUT for an address that can't be listened on
 */
export async function startAgentPeer(core: AgentCore, sealKeys: SealKeys, load: () => Beat): Promise<AgentPeer> {
  const { clock, random, log, store, config, bundle, membership, self, refusals } = core;
  const skills = (): { id: string; description: string }[] => bundle().profile.skills.map(({ id, description }) => ({ id, description }));
  const deps: PeerNodeDeps = {
    privateKey: core.keys.sign,
    membership: peerMembership(core, sealKeys, skills),
    book: createStoredPeerBook(store),
    onRefusal: ({ agentId, address, code }) => refusals.count({ action: "peer.refuse", source: agentId ?? address, code }),
    clock,
    random,
    log,
  };
  const { org, bootstrapPeers, mdns } = config;
  const networkKey = await readNetworkKey(core.paths.networkKey);
  const peer = await listenOnKeptPorts({ store, freePort }, config.listen, (listen) =>
    createPeerNode(deps, { org, listen, bootstrapPeers, mdns, networkKey }),
  );
  const cards = await openCards(core, peer, load);
  const directory = await createDirectory({
    self: () => {
      const { concurrency, workingHours } = bundle().profile;
      return { principal: self, skills: skills(), concurrency, workingHours };
    },
    orgChart: () => bundle().orgChart,
    isRevoked: (principal) => isRevoked(principal, membership.trust().manifest),
    policy: core.policy,
    peers: peer,
    cards: cards.book,
    loadOf: cards.loadOf,
    zones: createIntlZones(),
    shelf: createCardShelf(store),
    clock,
    log,
  });
  return { peer, directory, cards };
}

/** Membership as the peer node asks for it. Where the own bundle is no good, it throws, and the node trusts nobody. */
const peerMembership = (
  { membership, bundle, self }: AgentCore,
  sealKeys: SealKeys,
  skills: () => { id: string; description: string }[],
): PeerMembership => ({
  credential: membership.credential,
  verify: (jwt, agentId) => {
    const { sub, role, department } = sealKeys.learn(membership.verify(jwt, agentId));
    return { agentId, subject: sub, role, department };
  },
  // The last good one, also when it has expired: a member that knows a newer one can then hand it over.
  bundleVersion: () => membership.lastBundle().manifest.version,
  revocationSeq: () => membership.trust().manifest.revocations.seq,
  revocations: () => revocationDigest(membership.trust().revocations),
  sharing: createBundleSharing(membership, self),
  card: () => ({ version: bundle().manifest.version, skills: skills() }),
});
