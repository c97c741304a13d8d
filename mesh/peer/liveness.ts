/**
 * Asks connections whether they still lead anywhere, as soon as something says that they may not: TCP tells nothing for minutes where an address is
 * gone. Who does not answer within PROBE_TIMEOUT_MS is cut, so that what waits on the connection is sent over another one. Source: decision 0085.
 */
import type { Connection } from "@libp2p/interface";
import type { Clock } from "../contract/ports.ts";
import { createTokenBuckets } from "../resilience/token-buckets.ts";
import type { Members } from "./members.ts";

/** Claims of a connected member's new addresses that are acted on: anybody on the LAN can make them. */
const CLAIMS = { perSecond: 0.5, burst: 4 };

/** What it needs. */
export interface LivenessDeps {
  readonly members: Pick<Members, "ids" | "connections" | "spares">;
  /** Asks over exactly this connection, and cuts it where no answer comes in time. */
  ask(agentId: string, connection: Connection): void;
  readonly clock: Clock;
}

/** Asks connections whether they still lead anywhere. */
export interface Liveness {
  /** This machine's addresses changed or it slept: every connection, also those that another one has replaced. */
  networkChanged(): void;
  /** A member dialled anew; it may have changed its network, and then its connections before are dead. */
  dialledAnew(agentId: string): void;
  /**
   * A member is said to be at other addresses: by itself, signed, or by somebody on the LAN.
   * @returns false where that changes nothing: it is not connected, or such claims come too often
   */
  elsewhere(agentId: string): boolean;
}

/** Makes it. */
export function createLiveness({ members, ask, clock }: LivenessDeps): Liveness {
  const claims = createTokenBuckets({ clock }, CLAIMS);
  const askAll = (agentId: string, connections: readonly Connection[]): void => {
    for (const connection of connections) ask(agentId, connection);
  };
  return {
    networkChanged() {
      for (const id of members.ids()) askAll(id, members.connections(id));
    },
    dialledAnew: (agentId) => askAll(agentId, members.spares(agentId)),
    elsewhere(agentId) {
      const connections = members.connections(agentId);
      if (connections.length === 0 || claims.take(agentId) > 0) return false;
      askAll(agentId, connections);
      return true;
    },
  };
}
