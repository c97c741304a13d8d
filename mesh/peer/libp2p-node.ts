/** The libp2p node that everything here stands on: TCP, Noise, yamux, nothing else. Source: decision 0020. */
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { type ComponentLogger, FaultTolerance, type Libp2p, type Logger, type PrivateKey } from "@libp2p/interface";
import { preSharedKey } from "@libp2p/pnet";
import { tcp } from "@libp2p/tcp";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { HELLO_TIMEOUT_MS } from "../contract/limits.ts";
import { hostOf, ownAddresses, worthTelling } from "./address.ts";
import { createRelayClient, type RelayClient, type RelayGate, type RelayPart, relayService } from "./relay.ts";
import { ADDRESS_DIAL_TIMEOUT_MS, DIAL_TIMEOUT_MS, MAX_RELAYED } from "./protocols.ts";

/** libp2p's connection limits; a company's daemons often share one address behind NAT, so its default of 5 dials a second is too low. */
const CONNECTIONS = {
  maxConnections: 1_000,
  inboundConnectionThreshold: 50,
  maxIncomingPendingConnections: 100,
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
  maxInboundStreams: MAX_RELAYED + 32,
  maxOutboundStreams: MAX_RELAYED + 32,
  streamOptions: {
    initialStreamWindowSize: 262_144,
    maxStreamWindowSize: 2_097_152,
    maxReadBufferLength: 4_194_304,
    maxWriteBufferLength: 8_388_608,
  },
};

/** libp2p's own makes a logger for each stream and looks for a terminal each time, also while it is off: a tenth of the time that a flood of streams costs. */
const silent: Logger = Object.assign(() => undefined, {
  error: () => undefined,
  trace: () => undefined,
  enabled: false,
  newScope: () => silent,
});
const logger: ComponentLogger = { forComponent: () => silent };

/** Where to listen when nothing is configured: a free port on every interface, IPv6 too where the machine has it. */
export function defaultListen(): string[] {
  const hasIpv6 = Object.values(networkInterfaces()).some((infos) => infos?.some((info) => info.family === "IPv6" && !info.internal));
  return hasIpv6 ? ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"] : ["/ip4/0.0.0.0/tcp/0"];
}

/** A key in the form that libp2p reads: the `swarm.key` file of IPFS. */
const swarmKey = (key: Uint8Array): Uint8Array => Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(key).toString("hex")}`);

/** A libp2p node that is not started yet, and what of its inside is needed. */
export interface PeerLibp2p {
  readonly node: Libp2p;
  /**
   * Addresses that the node listens on and that are worth telling, without peer id, as they are now. Not libp2p's own list, which leaves out
   * public addresses until a service that isn't loaded here has confirmed them.
   */
  listening(): string[];
  /** Undefined on the relay itself. */
  readonly relay: RelayClient | undefined;
}

interface Inside {
  readonly transportManager: { getAddrs(): Multiaddr[] };
}

/** Builds the node. `interfaces` gives this machine's interfaces as they are now. */
export async function createLibp2pNode(config: {
  privateKey: PrivateKey;
  listen: readonly string[];
  interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** Whether it relays for members or lets the bootstrap node relay for it; the gate stands before both. */
  relay: { part: RelayPart; gate: RelayGate };
  /** Pre-shared key of the network, 32 bytes. */
  networkKey: Uint8Array | undefined;
  /** Whether a connection that came from a host may go on to its handshake; default: yes. */
  mayTry?: (host: string) => boolean;
  /** Told where a dialled connection has been taken, before a byte is sent, and where Noise has proven the agent there. */
  dialled?: { opened(agentId: string, address: Multiaddr): void; proven(agentId: string, address: Multiaddr): void };
}): Promise<PeerLibp2p> {
  const { part, gate } = config.relay;
  const relay = part === "use" ? createRelayClient(gate) : undefined;
  let inside: Inside | undefined;
  const node = await createLibp2p({
    privateKey: config.privateKey,
    logger,
    start: false,
    addresses: { listen: [...config.listen] },
    transports: [tcp(), ...(relay === undefined ? [] : [relay.transport])],
    connectionEncrypters: [noise()],
    ...(config.networkKey === undefined ? {} : { connectionProtector: preSharedKey({ psk: swarmKey(config.networkKey) }) }),
    streamMuxers: [yamux(MUXER)],
    connectionManager: CONNECTIONS,
    connectionGater: {
      denyInboundConnection: ({ remoteAddr }) => !(config.mayTry?.(hostOf(remoteAddr) ?? "") ?? true),
      denyOutboundConnection(peerId, { remoteAddr }) {
        config.dialled?.opened(peerId.toString(), remoteAddr);
        return false;
      },
      denyOutboundEncryptedConnection(peerId, { remoteAddr }) {
        config.dialled?.proven(peerId.toString(), remoteAddr);
        return false;
      },
    },
    // Its pings need a protocol that would answer strangers.
    connectionMonitor: { enabled: false },
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    services: {
      inside: (components: Inside) => {
        inside = components;
        return {};
      },
      ...(part === "serve" ? { relay: relayService(gate) } : {}),
    },
  });
  const listening = (): string[] => ownAddresses(worthTelling(inside?.transportManager.getAddrs() ?? [], config.interfaces()));
  return { node, listening, relay: relay?.client };
}
