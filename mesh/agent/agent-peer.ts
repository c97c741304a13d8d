/** The daemon's place in the mesh: its peer node, judged by the newest bundle, and the directory of who is there. */
import { createCardShelf } from "../directory/card-shelf.ts";
import { createDirectory, type Directory } from "../directory/create-directory.ts";
import { isRevoked } from "../identity/membership.ts";
import { createPeerNode } from "../peer/create-peer-node.ts";
import type { PeerMembership, PeerNode, PeerNodeDeps } from "../peer/peer-node.ts";
import { createStoredPeerBook } from "../peer/stored-peer-book.ts";
import type { AgentCore } from "./agent-core.ts";
import { freePort } from "./free-port.ts";
import { listenOnKeptPorts } from "./kept-ports.ts";
import type { SealKeys } from "./seal-keys.ts";

/** Starts the peer node and opens the directory. @throws GaggleError INVALID_INPUT for an address that can't be listened on */
export async function startAgentPeer(core: AgentCore, sealKeys: SealKeys): Promise<{ peer: PeerNode; directory: Directory }> {
  const { clock, random, log, store, config, bundle, self, refusals } = core;
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
  const peer = await listenOnKeptPorts({ store, freePort }, config.listen, (listen) =>
    createPeerNode(deps, { org, listen, bootstrapPeers, mdns }),
  );
  const directory = await createDirectory({
    self: () => ({ principal: self, skills: skills() }),
    orgChart: () => bundle().orgChart,
    isRevoked: (principal) => isRevoked(principal, bundle().manifest),
    peers: peer,
    shelf: createCardShelf(store),
    clock,
    log,
  });
  return { peer, directory };
}

/** Membership as the peer node asks for it. Where the own bundle is no good, it throws, and the node trusts nobody. */
const peerMembership = (
  { membership, bundle }: AgentCore,
  sealKeys: SealKeys,
  skills: () => { id: string; description: string }[],
): PeerMembership => ({
  credential: membership.credential,
  verify: (jwt, agentId) => {
    const { sub, role, department } = sealKeys.learn(membership.verify(jwt, agentId));
    return { agentId, subject: sub, role, department };
  },
  bundleVersion: () => bundle().manifest.version,
  revocationSeq: () => bundle().manifest.revocations.seq,
  card: () => ({ version: bundle().manifest.version, skills: skills() }),
});
