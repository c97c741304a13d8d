/** Ways to an agent: its own addresses first, the relay beside them after a head start, and back to its own addresses once they work again. */
import type { Connection, Libp2p } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { BOOTSTRAP_ROLE } from "../contract/identity.ts";
import type { Clock } from "../contract/ports.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import type { Members } from "./members.ts";
import type { PeerLog } from "./peer-node.ts";
import { DIAL_TIMEOUT_MS, DIRECT_RETRY_MAX_MS, DIRECT_RETRY_MIN_MS, MAX_RELAYED, RELAY_HEAD_START_MS } from "./protocols.ts";
import type { RelayClient } from "./relay.ts";

/** What reaching needs. */
export interface ReachDeps {
  readonly node: Libp2p;
  readonly relay: RelayClient | undefined;
  readonly gatekeeper: Pick<Gatekeeper, "proven">;
  readonly members: Members;
  /** What is known of an agent's own addresses. */
  addressesOf(agentId: string): readonly string[];
  /** Those of an agent's addresses that may be dialled now. */
  mayDial(agentId: string, addresses: readonly string[]): readonly string[];
  readonly clock: Clock;
  readonly log: PeerLog;
}

/** Ways to agents. */
export interface Reach {
  /**
   * Dials an agent until both sides are proven, by whichever way is first.
   * @throws GaggleError PEER_UNREACHABLE, or the code with which either side refused the other
   */
  connect(agentId: string, addresses: readonly string[]): Promise<void>;
  /** A member has come: a relay is asked for a reservation, a relayed member is dialled directly from time to time. */
  onConnected(agentId: string, role: string): void;
  /** Tries the direct way to relayed members now: to one, which is said to be elsewhere, or to all. */
  retryDirect(agentId?: string): void;
  close(): void;
}

const unreachable = (cause?: unknown): GaggleError =>
  new GaggleError("PEER_UNREACHABLE", "None of the peer's addresses answers; it is dialled again.", { cause });

const asOurs = (error: unknown): GaggleError => (error instanceof GaggleError ? error : unreachable(error));

/** Makes it. */
export function createReach(deps: ReachDeps): Reach {
  const { node, relay, gatekeeper, members, clock } = deps;
  /** Waits of relayed members until the next direct try. */
  const waits = new Map<string, { ms: number; cancel: () => void }>();
  let closed = false;

  async function direct(agentId: string, addresses: readonly string[], force = false): Promise<void> {
    const open = deps.mayDial(agentId, addresses);
    if (open.length === 0) throw unreachable();
    const targets = open.map((address) => multiaddr(`${address}/p2p/${agentId}`));
    await gatekeeper.proven(await node.dial(targets, { force }));
  }

  const relays = (agentId: string): Connection[] =>
    relay === undefined || members.relayedCount() >= MAX_RELAYED
      ? []
      : members
          .list()
          .filter(({ principal }) => principal.role === BOOTSTRAP_ROLE && principal.agentId !== agentId)
          .map(({ principal }) => members.connectionTo(principal.agentId));

  async function relayed(agentId: string): Promise<void> {
    let last: unknown = unreachable();
    for (const through of relays(agentId)) {
      try {
        const connection = await relay?.dial(through, agentId, AbortSignal.timeout(DIAL_TIMEOUT_MS));
        if (connection === undefined) continue;
        await gatekeeper.proven(connection);
        return;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  /** The relay begins when the direct way has failed, or has not answered for a while. */
  async function besides(agentId: string, first: Promise<void>): Promise<void> {
    if (relays(agentId).length === 0) return first;
    const begin = Promise.withResolvers<void>();
    const cancel = clock.after(RELAY_HEAD_START_MS, begin.resolve);
    first.catch(() => begin.resolve());
    const second = begin.promise.then(() => relayed(agentId));
    second.catch(() => undefined);
    try {
      await Promise.any([first, second]);
    } finally {
      cancel();
    }
  }

  /** Of several failures the one that says most: a refusal rather than silence. */
  function told(error: unknown): GaggleError {
    const errors = error instanceof AggregateError ? error.errors.map(asOurs) : [asOurs(error)];
    return errors.find(({ code }) => code !== "PEER_UNREACHABLE") ?? errors[0] ?? unreachable(error);
  }

  function plan(agentId: string, ms: number): void {
    waits.get(agentId)?.cancel();
    if (closed) return;
    waits.set(agentId, { ms, cancel: clock.after(ms, () => void tryDirect(agentId)) });
  }

  async function tryDirect(agentId: string): Promise<void> {
    const ms = waits.get(agentId)?.ms ?? DIRECT_RETRY_MIN_MS;
    if (closed || !members.isRelayed(agentId)) {
      waits.delete(agentId);
      return;
    }
    await direct(agentId, deps.addressesOf(agentId), true).then(
      () => waits.delete(agentId),
      () => plan(agentId, Math.max(DIRECT_RETRY_MIN_MS, Math.min(ms * 2, DIRECT_RETRY_MAX_MS))),
    );
  }

  async function reserve(relayId: string): Promise<void> {
    if (closed || relay === undefined || !members.has(relayId)) return;
    try {
      await relay.reserve(relayId);
    } catch (error) {
      deps.log.debug({ peer: relayId, code: errorCode(error) }, "no reservation on the relay for now");
      clock.after(DIRECT_RETRY_MIN_MS, () => void reserve(relayId));
    }
  }

  return {
    async connect(agentId, addresses) {
      try {
        await besides(agentId, direct(agentId, addresses));
      } catch (error) {
        throw told(error);
      }
    },
    onConnected(agentId, role) {
      if (role === BOOTSTRAP_ROLE) void reserve(agentId);
      if (members.isRelayed(agentId)) plan(agentId, DIRECT_RETRY_MIN_MS);
    },
    retryDirect(only) {
      for (const agentId of waits.keys()) if (only === undefined || agentId === only) plan(agentId, 0);
    },
    close() {
      closed = true;
      for (const { cancel } of waits.values()) cancel();
    },
  };
}
