/** Builds and starts a peer node: libp2p, gatekeeper, message link, spread of members, dialler. */
import { networkInterfaces } from "node:os";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { isLoopbackHost } from "../contract/loopback.ts";
import { agentIdOf } from "../identity/keys.ts";
import { cut } from "./cut.ts";
import { hostOf, readAddresses, readPeerAddress } from "./address.ts";
import { createAllowances } from "./allowance.ts";
import { createBookKeeper } from "./book-keeper.ts";
import { createBundleExchange } from "./bundle-exchange.ts";
import { createDialGuard } from "./dial-guard.ts";
import { createDialler } from "./dialler.ts";
import { createDoor } from "./door.ts";
import { createGatekeeper, type Gatekeeper, type ProvenConnection } from "./gatekeeper.ts";
import { judgeHello, ownHello } from "./hello-wire.ts";
import { createKnownPeers, type PeerRecord } from "./known-peers.ts";
import { createLanDiscovery } from "./lan/lan-discovery.ts";
import { createLiveness } from "./liveness.ts";
import { openMulticastLink } from "./lan/multicast-link.ts";
import { createLibp2pNode, defaultListen } from "./libp2p-node.ts";
import { createMemberLinks } from "./member-links.ts";
import { createMemberRecheck } from "./member-recheck.ts";
import { createMembers } from "./members.ts";
import { steadyInterfaces, watchNetwork } from "./network-watch.ts";
import { createOwnRecord } from "./own-record.ts";
import { createPenalties } from "./penalties.ts";
import type { PeerNode, PeerNodeConfig, PeerNodeDeps } from "./peer-node.ts";
import { createPeerSpread } from "./peer-spread.ts";
import { libp2pKeyOf } from "./private-key.ts";
import { createReach } from "./reach.ts";
import { isRelayed } from "./relay.ts";
import { BUNDLE_PROTOCOL, PEERS_PROTOCOL, PROBE_TIMEOUT_MS } from "./protocols.ts";
import { forgetStranger, startNode } from "./start-node.ts";
import { createWireVersions } from "./wire-versions.ts";

const keptOut = (): GaggleError => new GaggleError("BUSY", "The peer was cut off for what it did and is kept out for a while.");

const isAllLoopback = (addresses: readonly string[]): boolean =>
  addresses.length > 0 && addresses.every((address) => isLoopbackHost(address.split("/")[2] ?? ""));

/**
 * A peer node that listens and keeps its members connected. Set `handleFrames` next: until then members get BUSY.
 * @throws GaggleError CREDENTIAL_INVALID for a broken key, INVALID_INPUT for an address that is none or can't be listened on
 */
export async function createPeerNode(deps: PeerNodeDeps, config: PeerNodeConfig): Promise<PeerNode> {
  const { clock, random, log, membership } = deps;
  const agentId = agentIdOf(deps.privateKey);
  const configured = config.bootstrapPeers.map(readPeerAddress);
  const members = createMembers({ ownId: agentId, clock });
  const known = createKnownPeers({ verify: (jwt, id) => membership.verify(jwt, id), clock });
  const door = createDoor({ clock });
  const penalties = createPenalties({ clock });
  const interfaces = steadyInterfaces(deps.interfaces ?? networkInterfaces);
  const {
    node,
    listening: ownAddresses,
    relay,
  } = await createLibp2pNode({
    privateKey: libp2pKeyOf(deps.privateKey),
    listen: config.listen ?? defaultListen(),
    interfaces,
    networkKey: config.networkKey,
    relay: { part: config.relay ?? "use", gate: () => gatekeeper },
    mayTry: door.mayTry,
    dialled: { opened: (id, address) => guard.opened(id, address), proven: (id, address) => guard.proven(id, address) },
  });
  const guard = createDialGuard({
    clock,
    isOnLoopback: () => isAllLoopback(ownAddresses()),
    onHeldBack: (held) => {
      deps.onRefusal(held);
      log.warn({ peer: held.agentId, code: held.code }, "an address that a member states is not dialled for now");
    },
  });
  const own = createOwnRecord({ privateKey: deps.privateKey, membership, addresses: ownAddresses, clock }, { org: config.org });

  const dialler = createDialler({
    ownId: agentId,
    connect: (id, addresses) => (penalties.isOut(id) ? Promise.reject(keptOut()) : reach.connect(id, addresses)),
    isConnected: members.has,
    clock,
    random,
  });
  const allowances = createAllowances(clock);
  const wires = createWireVersions();
  const onViolation = ({ agentId: id, connection }: ProvenConnection, error: Error): void => {
    penalties.offended(id);
    deps.onRefusal({ agentId: id, address: connection.remoteAddr.toString(), code: errorCode(error) });
    cut(connection, error);
  };
  const gatekeeper: Gatekeeper = createGatekeeper({
    mayOpenStream: (id) => allowances.of(id).spendStream(),
    isOut: penalties.isOut,
    onFlood: penalties.offended,
    ownHello: () => ownHello(config.org, membership, ownAddresses(), clock.now(), own.record().statement),
    judge: (said, id) => judgeHello(said, id, { org: config.org, membership, now: clock.now() }),
    onProven: (proven) => {
      const { direction, remoteAddr } = proven.connection;
      if (direction === "inbound" && !isRelayed(proven.connection)) {
        door.proven(hostOf(remoteAddr) ?? "");
        guard.cameFrom(proven.agentId, remoteAddr);
      }
      wires.told(proven.agentId, proven.hello.wire ?? 0);
      members.add(proven);
      welcome(proven);
    },
    onRefusal: deps.onRefusal,
    onStrangerGone: (connection) => forgetStranger(node, connection, members.has),
    clock,
    log,
  });
  const reach = createReach({ node, relay, gatekeeper, members, addressesOf: dialler.addressesOf, mayDial: guard.mayDial, clock, log });
  const links = createMemberLinks({ members, reach: dialler.reach, clock, allowances, onViolation });
  const elsewhere = (id: string): void => {
    if (liveness.elsewhere(id)) reach.retryDirect(id);
  };
  const learned = ({ agentId: id, addresses }: PeerRecord): void => {
    dialler.learn(id, addresses, "member");
    elsewhere(id);
  };
  const wireOf = (id: string): number => wires.of(id) ?? 0;
  const bundles = membership.sharing && createBundleExchange({ sharing: membership.sharing, members, wireOf, onViolation, clock, log });
  const spread = createPeerSpread({
    ownId: agentId,
    org: config.org,
    known,
    members,
    own: () => {
      const { credential, statement } = own.record();
      return { agentId, credential, statement };
    },
    news: own.news,
    wireOf,
    onLearned: learned,
    onNews: (from, news) => bundles?.heard(from, news),
    onViolation,
    clock,
    random,
    log,
  });
  const liveness = createLiveness({ members, ask: (id, connection) => spread.check(id, connection, PROBE_TIMEOUT_MS), clock });
  const book = createBookKeeper({ book: deps.book, known, members, clock, log });
  const lan = createLanDiscovery(
    {
      interfaces,
      listening: ownAddresses,
      isMember: members.has,
      memberCount: () => members.ids().length,
      onClaim: (claim) => {
        guard.heardOnLan(claim.agentId, claim.addresses);
        if (dialler.learn(claim.agentId, claim.addresses, "lan")) elsewhere(claim.agentId);
      },
      open: openMulticastLink,
      clock,
      random,
      log,
    },
    { org: config.org, agentId },
  );

  function welcome(proven: ProvenConnection): void {
    dialler.learn(proven.agentId, readAddresses(proven.hello.addresses), "member");
    dialler.onConnected(proven.agentId);
    reach.onConnected(proven.agentId, proven.hello.principal.role);
    spread.onHello(proven);
    liveness.dialledAnew(proven.agentId);
    book.changed();
  }

  function disconnect(id: string, reason: string): void {
    dialler.forget(id);
    known.remove(id);
    members.cut(id, reason);
    book.forget(id);
  }

  const recheck = createMemberRecheck({ ownId: agentId, known, members, own: own.record, forget: disconnect, clock, log });

  /** Whoever does not answer at once is dialled anew, at every address that is known. */
  function networkChanged(): void {
    guard.networkChanged();
    recheck.rememberSelf();
    if (config.mdns) lan.refresh();
    liveness.networkChanged();
    dialler.retryAll();
    reach.retryDirect();
  }

  members.onChange((change) => {
    if (change.type === "disconnected") dialler.onLost(change.member.principal.agentId);
  });
  const served = {
    ...links.serving,
    [PEERS_PROTOCOL]: spread.serve,
    ...(bundles === undefined ? {} : { [BUNDLE_PROTOCOL]: bundles.serve }),
  };
  const guarded = Object.fromEntries(Object.entries(served).map(([protocol, serve]) => [protocol, gatekeeper.guard(serve)]));
  await startNode(node, gatekeeper, guarded, () => ownAddresses().length > 0);
  recheck.rememberSelf();
  for (const peer of configured) {
    guard.trust(peer.agentId, [peer.address]);
    dialler.learn(peer.agentId, [peer.address], "configured");
  }
  for (const entry of await book.load()) dialler.learn(entry.agentId, readAddresses(entry.addresses), "book");
  recheck.start();
  const stopWatching = watchNetwork({ interfaces, clock }, networkChanged);
  if (config.mdns) lan.refresh();

  return {
    agentId,
    request: links.messages.request,
    cards: links.cards,
    artifacts: links.artifacts,
    handleFrames: links.messages.handle,
    onPeerChange: members.onChange,
    members: members.list,
    wireOf: wires.of,
    addresses: () => ownAddresses().map((address) => `${address}/p2p/${agentId}`),
    async dial(text) {
      const peer = readPeerAddress(text);
      guard.trust(peer.agentId, [peer.address]);
      dialler.learn(peer.agentId, [peer.address], "member");
      await dialler.reach(peer.agentId);
      const member = members.list().find((one) => one.principal.agentId === peer.agentId);
      if (member === undefined) throw new GaggleError("PEER_UNREACHABLE", "The peer went away right after its hello.");
      return member;
    },
    disconnect,
    membershipChanged() {
      recheck.now();
      spread.announce();
      dialler.retryAll();
    },
    async close() {
      recheck.stop();
      stopWatching();
      await lan.close();
      dialler.close();
      reach.close();
      spread.close();
      bundles?.close();
      links.close();
      await book.close();
      await node.stop();
      gatekeeper.close();
    },
  };
}
