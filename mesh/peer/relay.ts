/**
 * Circuit relay v2: the bootstrap node passes bytes between members that can't reach each other. It sees who talks to whom and how much, and
 * nothing of what is said: Noise goes from end to end. Only members reserve, dial or are dialled through it. Source: decision 0082.
 */
import { circuitRelayServer, circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import {
  type Connection,
  type PeerId,
  serviceDependencies,
  type StreamHandler,
  type StreamHandlerOptions,
  type Transport,
  type Upgrader,
} from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { GaggleError } from "../contract/errors.ts";
import { BOOTSTRAP_ROLE } from "../contract/identity.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import {
  MAX_KNOWN_PEERS,
  MAX_RELAYED,
  RELAY_DATA_LIMIT_BYTES,
  RELAY_DURATION_LIMIT_MS,
  RELAY_HOP_TIMEOUT_MS,
  RELAY_RESERVATION_TTL_MS,
} from "./protocols.ts";

/** Whether a node relays for others or lets itself be relayed. */
export type RelayPart = "serve" | "use";

/** The gate that every handler of the relay stands behind. It is made after the node. */
export type RelayGate = () => Pick<Gatekeeper, "guard">;

/** Dials through relays and keeps reservations on them. */
export interface RelayClient {
  /** Lets members reach this agent through a relay that it is connected to. @throws what the relay said */
  reserve(relayId: string): Promise<void>;
  /** Dials an agent through a relay that this agent is connected to. The caller waits for hello. */
  dial(relay: Connection, agentId: string, signal: AbortSignal): Promise<Connection>;
}

interface Registering {
  readonly registrar: { handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void> };
}
type ServerComponents = Parameters<ReturnType<typeof circuitRelayServer>>[0];
type TransportComponents = Parameters<ReturnType<typeof circuitRelayTransport>>[0];
/** The transport as it is; the interface that its factory names leaves the reservations out. */
type ReservingTransport = Transport & { readonly reservationStore: { addRelay(relay: PeerId, type: "configured"): Promise<unknown> } };

/** The node's components with a registrar that lets only members through: the library registers its handlers for anybody. */
function behindGate<T extends Registering>(components: T, gate: RelayGate, isAllowed: (role: string) => boolean): T {
  const registrar: unknown = Object.create(components.registrar, {
    handle: {
      value: (protocol: string, handler: StreamHandler, options?: StreamHandlerOptions) =>
        components.registrar.handle(protocol, guarded(handler, gate, isAllowed), options),
    },
  });
  return Object.create(components, { registrar: { value: registrar } }) as T;
}

const guarded =
  (handler: StreamHandler, gate: RelayGate, isAllowed: (role: string) => boolean): StreamHandler =>
  (stream, connection) =>
    gate().guard((opened, from) => {
      if (!isAllowed(from.hello.principal.role)) {
        opened.abort(new GaggleError("NOT_A_MEMBER", "Only the bootstrap node relays."));
        return;
      }
      Promise.resolve(handler(opened, from.connection)).catch((error: Error) => opened.abort(error));
    })(stream, connection);

/** The service that relays, for members alone. */
export const relayService =
  (gate: RelayGate) =>
  (components: ServerComponents): unknown =>
    circuitRelayServer({
      hopTimeout: RELAY_HOP_TIMEOUT_MS,
      maxInboundHopStreams: MAX_RELAYED,
      maxOutboundStopStreams: MAX_RELAYED,
      reservations: {
        maxReservations: MAX_KNOWN_PEERS,
        reservationTtl: RELAY_RESERVATION_TTL_MS,
        defaultDurationLimit: RELAY_DURATION_LIMIT_MS,
        defaultDataLimit: BigInt(RELAY_DATA_LIMIT_BYTES),
      },
    })(behindGate(components, gate, () => true));

/** The transport that dials through relays and is dialled through them, and what uses it. */
export function createRelayClient(gate: RelayGate): { transport: (components: TransportComponents) => Transport; client: RelayClient } {
  let transport: ReservingTransport | undefined;
  let upgrader: Upgrader | undefined;
  const ready = (): { transport: ReservingTransport; upgrader: Upgrader } => {
    if (transport === undefined || upgrader === undefined) throw new GaggleError("PEER_UNREACHABLE", "The peer node is not started.");
    return { transport, upgrader };
  };
  return {
    transport(components) {
      // Whoever is not the bootstrap node could otherwise hand over connections that seem to come through it.
      const behind = behindGate(components, gate, (role) => role === BOOTSTRAP_ROLE);
      transport = circuitRelayTransport({ maxInboundStopStreams: MAX_RELAYED })(behind) as ReservingTransport;
      // It wants identify, which would answer strangers, for finding relays by itself; here the bootstrap node is the relay.
      Object.defineProperty(transport, serviceDependencies, { value: [] });
      upgrader = components.upgrader;
      return transport;
    },
    client: {
      async reserve(relayId) {
        await ready().transport.reservationStore.addRelay(peerIdFromString(relayId), "configured");
      },
      dial(relay, agentId, signal) {
        const parts = ready();
        const address = relay.remoteAddr.toString().replace(/\/p2p\/[^/]+$/, "");
        return parts.transport.dial(multiaddr(`${address}/p2p/${relay.remotePeer.toString()}/p2p-circuit/p2p/${agentId}`), {
          signal,
          upgrader: parts.upgrader,
        });
      },
    },
  };
}

/** Whether a connection goes through a relay. */
export const isRelayed = (connection: Connection): boolean => connection.limits !== undefined;
