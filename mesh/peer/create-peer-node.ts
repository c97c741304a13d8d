/** Builds and starts a peer node: libp2p, gatekeeper, message link, spread of members, dialler. */
import { networkInterfaces } from "node:os";
import type { Connection, Libp2p, StreamHandler } from "@libp2p/interface";
import { type ErrorCode, errorCode, GaggleError } from "../contract/errors.ts";
import { agentIdOf, createSigner } from "../identity/keys.ts";
import { cut } from "./cut.ts";
import { hostOf, readAddresses, readPeerAddress } from "./address.ts";
import { createAllowances } from "./allowance.ts";
import { createBookKeeper } from "./book-keeper.ts";
import { createBundleExchange } from "./bundle-exchange.ts";
import { createDialler } from "./dialler.ts";
import { createDoor } from "./door.ts";
import { createGatekeeper, type Gatekeeper, type ProvenConnection } from "./gatekeeper.ts";
import { judgeHello, ownHello } from "./hello-wire.ts";
import { createKnownPeers, type PeerRecord, type SharedPeer } from "./known-peers.ts";
import { createLanDiscovery } from "./lan/lan-discovery.ts";
import { createLiveness } from "./liveness.ts";
import { openMulticastLink } from "./lan/multicast-link.ts";
import { createLibp2pNode, defaultListen } from "./libp2p-node.ts";
import { createMembers } from "./members.ts";
import { createMessageLink } from "./message-link.ts";
import { watchNetwork } from "./network-watch.ts";
import type { BundleNews } from "./peer-exchange.ts";
import type { PeerNode, PeerNodeConfig, PeerNodeDeps } from "./peer-node.ts";
import { createPeerSpread } from "./peer-spread.ts";
import { createOwnStatement } from "./peer-statement.ts";
import { libp2pKeyOf } from "./private-key.ts";
import { createReach } from "./reach.ts";
import { isRelayed } from "./relay.ts";
import {
  ARTIFACT_PROTOCOL,
  BUNDLE_PROTOCOL,
  CARDS_PROTOCOL,
  HELLO_PROTOCOLS,
  MAX_STREAMS_PER_PROTOCOL,
  MAX_KNOWN_PEERS,
  MESSAGE_PROTOCOL,
  PEERS_PROTOCOL,
  PROBE_TIMEOUT_MS,
  RECHECK_INTERVAL_MS,
} from "./protocols.ts";

/** Reasons for which an agent is forgotten and not only cut off. */
const FINAL_REASONS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["REVOKED", "CREDENTIAL_INVALID", "NOT_A_MEMBER"]);

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
  const interfaces = deps.interfaces ?? networkInterfaces;
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
  });
  const stateSelf = createOwnStatement({ org: config.org, agent: agentId, signer: createSigner(deps.privateKey), now: clock.now });
  const own = (): SharedPeer & PeerRecord => {
    const [credential, addresses] = [membership.credential(), ownAddresses()];
    const { statement, seq } = stateSelf(addresses, credential);
    return { agentId, credential, statement, addresses, seenAt: seq };
  };
  const ownNews = (): BundleNews => {
    const revocations = membership.revocations?.();
    const known = { bundleVersion: membership.bundleVersion(), revocationSeq: membership.revocationSeq() };
    return revocations === undefined ? known : { ...known, revocations };
  };

  const dialler = createDialler({
    ownId: agentId,
    connect: (id, addresses) => reach.connect(id, addresses),
    isConnected: members.has,
    clock,
    random,
  });
  const allowances = createAllowances(clock);
  /** Minor versions of the wire, as hello told them; also of those who are gone again. */
  const wires = new Map<string, number>();
  const onViolation = ({ agentId: id, connection }: ProvenConnection, error: Error): void => {
    deps.onRefusal({ agentId: id, address: connection.remoteAddr.toString(), code: errorCode(error) });
    cut(connection, error);
  };
  const gatekeeper: Gatekeeper = createGatekeeper({
    mayOpenStream: (id) => allowances.of(id).spendStream(),
    ownHello: () => ownHello(config.org, membership, ownAddresses(), clock.now(), own().statement),
    judge: (said, id) => judgeHello(said, id, { org: config.org, membership, now: clock.now() }),
    onProven: (proven) => {
      const { direction, remoteAddr } = proven.connection;
      if (direction === "inbound" && !isRelayed(proven.connection)) door.proven(hostOf(remoteAddr) ?? "");
      wires.delete(proven.agentId);
      wires.set(proven.agentId, proven.hello.wire ?? 0);
      const [oldest] = wires.keys();
      if (wires.size > MAX_KNOWN_PEERS && oldest !== undefined) wires.delete(oldest);
      members.add(proven);
      welcome(proven);
    },
    onRefusal: deps.onRefusal,
    onStrangerGone: (connection) => forgetStranger(node, connection, members.has),
    clock,
    log,
  });
  const reach = createReach({ node, relay, gatekeeper, members, addressesOf: dialler.addressesOf, clock, log });
  const link = createMessageLink({ members, reach: dialler.reach, clock, allowances, onViolation });
  const artifacts = createMessageLink({ members, reach: dialler.reach, clock, protocol: ARTIFACT_PROTOCOL, allowances, onViolation });
  const cards = createMessageLink({
    members,
    reach: () => Promise.reject(notConnected()),
    clock,
    protocol: CARDS_PROTOCOL,
    allowances,
    onViolation,
  });
  const elsewhere = (id: string): void => {
    if (liveness.elsewhere(id)) reach.retryDirect(id);
  };
  const learned = ({ agentId: id, addresses }: PeerRecord): void => {
    dialler.learn(id, addresses, "member");
    elsewhere(id);
  };
  const bundles = membership.sharing && createBundleExchange({ sharing: membership.sharing, members, onViolation, clock, log });
  const spread = createPeerSpread({
    ownId: agentId,
    org: config.org,
    known,
    members,
    own: () => {
      const { credential, statement } = own();
      return { agentId, credential, statement };
    },
    news: ownNews,
    wireOf: (id) => wires.get(id) ?? 0,
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

  function rememberSelf(): void {
    try {
      known.merge(own());
    } catch (error) {
      log.warn({ code: errorCode(error) }, "this agent's own credential does not verify; peers will refuse it until it is renewed");
    }
  }

  function disconnect(id: string, reason: string): void {
    dialler.forget(id);
    known.remove(id);
    members.cut(id, reason);
    book.forget(id);
  }

  /** Cuts members whose credential doesn't hold any more. A credential that a member renewed has come by its record. */
  function recheck(): void {
    for (const bad of known.recheck()) {
      const reason = errorCode(bad.error);
      if (bad.agentId === agentId) continue;
      // Who only failed to renew, or is judged without a valid bundle here, may be believed again tomorrow: its addresses stay.
      if (FINAL_REASONS.has(reason)) disconnect(bad.agentId, reason);
      else members.cut(bad.agentId, reason);
    }
    rememberSelf();
  }

  let cancelRecheck = (): void => undefined;
  const planRecheck = (): void => {
    cancelRecheck = clock.after(RECHECK_INTERVAL_MS, () => {
      recheck();
      planRecheck();
    });
  };

  /** Whoever does not answer at once is dialled anew, at every address that is known. */
  function networkChanged(): void {
    rememberSelf();
    if (config.mdns) lan.refresh();
    liveness.networkChanged();
    dialler.retryAll();
    reach.retryDirect();
  }

  members.onChange((change) => {
    if (change.type === "disconnected") dialler.onLost(change.member.principal.agentId);
  });
  const guarded = {
    [MESSAGE_PROTOCOL]: gatekeeper.guard(link.serve),
    [PEERS_PROTOCOL]: gatekeeper.guard(spread.serve),
    [CARDS_PROTOCOL]: gatekeeper.guard(cards.serve),
    [ARTIFACT_PROTOCOL]: gatekeeper.guard(artifacts.serve),
    ...(bundles === undefined ? {} : { [BUNDLE_PROTOCOL]: gatekeeper.guard(bundles.serve) }),
  };
  await start(node, gatekeeper, guarded, () => ownAddresses().length > 0);
  rememberSelf();
  for (const peer of configured) dialler.learn(peer.agentId, [peer.address], "configured");
  for (const entry of await book.load()) dialler.learn(entry.agentId, readAddresses(entry.addresses), "book");
  planRecheck();
  const stopWatching = watchNetwork({ interfaces, clock }, networkChanged);
  if (config.mdns) lan.refresh();

  return {
    agentId,
    request: link.request,
    cards,
    artifacts,
    handleFrames: link.handle,
    onPeerChange: members.onChange,
    members: members.list,
    wireOf: (id) => wires.get(id),
    addresses: () => ownAddresses().map((address) => `${address}/p2p/${agentId}`),
    async dial(text) {
      const peer = readPeerAddress(text);
      dialler.learn(peer.agentId, [peer.address], "member");
      await dialler.reach(peer.agentId);
      const member = members.list().find((one) => one.principal.agentId === peer.agentId);
      if (member === undefined) throw new GaggleError("PEER_UNREACHABLE", "The peer went away right after its hello.");
      return member;
    },
    disconnect,
    membershipChanged() {
      recheck();
      spread.announce();
      dialler.retryAll();
    },
    async close() {
      cancelRecheck();
      stopWatching();
      await lan.close();
      dialler.close();
      reach.close();
      spread.close();
      bundles?.close();
      link.close();
      cards.close();
      artifacts.close();
      await book.close();
      await node.stop();
      gatekeeper.close();
    },
  };
}

const notConnected = (): GaggleError => new GaggleError("PEER_UNREACHABLE", "The peer is not connected right now.");

/** Registers the handlers and listens. */
async function start(
  node: Libp2p,
  gatekeeper: Gatekeeper,
  guarded: Record<string, StreamHandler>,
  isListening: () => boolean,
): Promise<void> {
  node.addEventListener("connection:open", (event) => gatekeeper.admit(event.detail));
  await node.handle(HELLO_PROTOCOLS, gatekeeper.helloHandler, {
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    runOnLimitedConnection: true,
  });
  for (const [protocol, handler] of Object.entries(guarded)) {
    const most = MAX_STREAMS_PER_PROTOCOL;
    await node.handle(protocol, handler, { maxInboundStreams: most, maxOutboundStreams: most, runOnLimitedConnection: true });
  }
  await node.start();
  if (isListening()) return;
  await node.stop();
  throw new GaggleError("INVALID_INPUT", "The peer node can't listen on any configured address; free the port or change `listen`.");
}

/** Nothing of a stranger stays in libp2p's peer store, or strangers could fill the memory. */
function forgetStranger(node: Libp2p, connection: Connection, isMember: (agentId: string) => boolean): void {
  if (isMember(connection.remotePeer.toString()) || node.status !== "started") return;
  node.peerStore.delete(connection.remotePeer).catch((error: Error) => node.logger.forComponent("gaggle").error("peer store - %e", error));
}
