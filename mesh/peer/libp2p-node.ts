/** The libp2p node that everything here stands on: TCP, Noise, yamux, nothing else. Source: decision 0020. */
import { networkInterfaces } from "node:os";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { FaultTolerance, type Libp2p, type PeerInfo, type PrivateKey, type Startable, start, stop } from "@libp2p/interface";
import { mdns } from "@libp2p/mdns";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { sha256Hex } from "../contract/json.ts";
import { HELLO_TIMEOUT_MS } from "../contract/limits.ts";
import { worthTelling, worthTellingLan } from "./address.ts";
import { ADDRESS_DIAL_TIMEOUT_MS, DIAL_TIMEOUT_MS } from "./protocols.ts";

/** libp2p's connection limits; a company's daemons often share one address behind NAT, so its default of 5 dials a second is too low. */
const CONNECTIONS = {
  maxConnections: 1_000,
  inboundConnectionThreshold: 200,
  maxIncomingPendingConnections: 200,
  maxParallelDials: 50,
  maxDialQueueLength: 2_500,
  dialTimeout: DIAL_TIMEOUT_MS,
  addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
  inboundUpgradeTimeout: HELLO_TIMEOUT_MS,
  inboundStreamProtocolNegotiationTimeout: HELLO_TIMEOUT_MS,
  outboundStreamProtocolNegotiationTimeout: HELLO_TIMEOUT_MS,
  // Redialling is ours, on the injected clock.
  reconnectRetries: 0,
};

/** Streams and windows per connection. A paused stream holds at most one window, well below the buffer at which libp2p resets it. */
const MUXER = {
  maxInboundStreams: 32,
  maxOutboundStreams: 32,
  streamOptions: {
    initialStreamWindowSize: 262_144,
    maxStreamWindowSize: 2_097_152,
    maxReadBufferLength: 4_194_304,
    maxWriteBufferLength: 8_388_608,
  },
};

/** Where to listen when nothing is configured: a free port on every interface, IPv6 too where the machine has it. */
export function defaultListen(): string[] {
  const hasIpv6 = Object.values(networkInterfaces()).some((infos) => infos?.some((info) => info.family === "IPv6" && !info.internal));
  return hasIpv6 ? ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"] : ["/ip4/0.0.0.0/tcp/0"];
}

/**
 * Name of the organisation's service on the LAN, at most 15 characters (RFC 6763, 7.2). It is made from a hash, so that nobody reads in a
 * network who works there.
 */
export const lanServiceTag = (org: string): string => `_gaggle-${sha256Hex(org).slice(0, 8)}._udp.local`;

/** A libp2p node that is not started yet. `onLanPeer` gets what mDNS finds: unproven, possibly false. */
export function createLibp2pNode(config: {
  privateKey: PrivateKey;
  org: string;
  listen: readonly string[];
  mdns: boolean;
  onLanPeer: (peer: PeerInfo) => void;
}): Promise<Libp2p> {
  return createLibp2p({
    privateKey: config.privateKey,
    start: false,
    addresses: { listen: [...config.listen], announceFilter: (addresses) => worthTelling(addresses, networkInterfaces()) },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux(MUXER)],
    connectionManager: CONNECTIONS,
    // Its pings need a protocol that would answer strangers.
    connectionMonitor: { enabled: false },
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    ...(config.mdns ? { services: { lan: lanDiscovery(config.org, config.onLanPeer) } } : {}),
  });
}

type LanComponents = Parameters<ReturnType<typeof mdns>>[0];

/**
 * mDNS that advertises only what the LAN can use. It runs as a service, not as libp2p's peer discovery: that would keep every claim of the
 * unauthenticated LAN in the peer store, and report a peer once but not its new address.
 */
function lanDiscovery(org: string, onLanPeer: (peer: PeerInfo) => void): (components: LanComponents) => Startable {
  return (components) => {
    const addressManager = Object.create(components.addressManager) as LanComponents["addressManager"];
    addressManager.getAddresses = () => worthTellingLan(components.addressManager.getAddresses());
    const discovery = mdns({ serviceTag: lanServiceTag(org) })({ logger: components.logger, addressManager });
    discovery.addEventListener("peer", (event) => onLanPeer(event.detail));
    return { start: () => start(discovery), stop: () => stop(discovery) };
  };
}
