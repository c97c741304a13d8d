/** Members that are connected and proven, and which of several connections to one is used. */
import type { Connection } from "@libp2p/interface";
import { GaggleError } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";
import { cut } from "./cut.ts";
import type { ProvenConnection } from "./gatekeeper.ts";
import type { PeerChange, PeerMember } from "./peer-node.ts";
import { DUPLICATE_GRACE_MS } from "./protocols.ts";
import { isRelayed } from "./relay.ts";

/** Connected members. */
export interface Members {
  add(proven: ProvenConnection): void;
  has(agentId: string): boolean;
  list(): PeerMember[];
  ids(): string[];
  /** The connection to use: the newest direct one, else the newest through a relay. @throws GaggleError PEER_UNREACHABLE */
  connectionTo(agentId: string): Connection;
  /** All open connections of a member; none where it is not connected. */
  connections(agentId: string): Connection[];
  /** A member's other open connections, which are used no more. */
  spares(agentId: string): Connection[];
  /** Whether a member is connected through a relay alone. */
  isRelayed(agentId: string): boolean;
  /** How many are. */
  relayedCount(): number;
  /** Counts work on a connection, so that a second one is not closed under it. */
  busy(connection: Connection, change: 1 | -1): void;
  /** Cuts every connection of a member. */
  cut(agentId: string, reason: string): void;
  onChange(listener: (change: PeerChange) => void): () => void;
}

interface Entry {
  member: PeerMember;
  readonly connections: Connection[];
}

const bestOf = ({ connections }: Entry): Connection | undefined =>
  connections.findLast((connection) => !isRelayed(connection)) ?? connections.at(-1);

/** An empty table. `ownId` decides which side closes a second connection between two agents: the lower one. */
export function createMembers(deps: { ownId: string; clock: Clock }): Members {
  const entries = new Map<string, Entry>();
  const work = new Map<string, number>();
  const reasons = new Map<string, string>();
  const listeners = new Set<(change: PeerChange) => void>();

  const tell = (change: PeerChange): void => {
    for (const listener of listeners) listener(change);
  };

  const memberOf = ({ hello }: ProvenConnection): PeerMember => ({
    principal: hello.principal,
    addresses: hello.addresses,
    card: hello.card,
    bundleVersion: hello.bundleVersion,
    revocationSeq: hello.revocationSeq,
    connectedAt: deps.clock.now(),
  });

  function remove(agentId: string, connection: Connection): void {
    work.delete(connection.id);
    const entry = entries.get(agentId);
    const at = entry?.connections.indexOf(connection) ?? -1;
    if (entry === undefined || at < 0) return;
    entry.connections.splice(at, 1);
    if (entry.connections.length > 0) return;
    entries.delete(agentId);
    const reason = reasons.get(agentId) ?? "closed";
    reasons.delete(agentId);
    tell({ type: "disconnected", member: entry.member, reason });
  }

  /** Closes a connection that another is better than as soon as nothing runs on it. */
  function retire(agentId: string, old: Connection): void {
    deps.clock.after(DUPLICATE_GRACE_MS, () => {
      const entry = entries.get(agentId);
      if (entry === undefined || !entry.connections.includes(old) || bestOf(entry) === old) return;
      if ((work.get(old.id) ?? 0) > 0) retire(agentId, old);
      else old.close().catch((error: Error) => cut(old, error));
    });
  }

  return {
    add(proven) {
      const { agentId, connection } = proven;
      const known = entries.get(agentId);
      const member = memberOf(proven);
      connection.addEventListener("close", () => remove(agentId, connection));
      if (known === undefined) {
        entries.set(agentId, { member, connections: [connection] });
        tell({ type: "connected", member });
        return;
      }
      known.member = { ...member, connectedAt: known.member.connectedAt };
      known.connections.push(connection);
      if (deps.ownId > agentId) return;
      for (const other of known.connections) if (other !== bestOf(known)) retire(agentId, other);
    },
    has: (agentId) => entries.has(agentId),
    list: () => [...entries.values()].map((entry) => entry.member),
    ids: () => [...entries.keys()],
    connectionTo(agentId) {
      const entry = entries.get(agentId);
      const connection = entry && bestOf(entry);
      if (connection === undefined) throw new GaggleError("PEER_UNREACHABLE", "The peer is not connected right now.");
      return connection;
    },
    connections: (agentId) => entries.get(agentId)?.connections.slice() ?? [],
    spares(agentId) {
      const entry = entries.get(agentId);
      return entry === undefined ? [] : entry.connections.filter((connection) => connection !== bestOf(entry));
    },
    isRelayed: (agentId) => entries.get(agentId)?.connections.every(isRelayed) ?? false,
    relayedCount: () => [...entries.values()].filter(({ connections }) => connections.every(isRelayed)).length,
    busy(connection, change) {
      work.set(connection.id, (work.get(connection.id) ?? 0) + change);
    },
    cut(agentId, reason) {
      const entry = entries.get(agentId);
      if (entry === undefined) return;
      reasons.set(agentId, reason);
      const error = new Error(`cut off: ${reason}`);
      // Aborting takes a connection out of the list.
      for (const connection of entry.connections.slice()) cut(connection, error);
    },
    onChange(listener) {
      listeners.add(listener);
      for (const { member } of entries.values()) listener({ type: "connected", member });
      return () => listeners.delete(listener);
    },
  };
}
