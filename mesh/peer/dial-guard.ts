/**
 * Which of the addresses that a member states are dialled. A member may state any host and port of the network, and whoever dials them connects there in
 * its place. So an address costs the member something until it has shown that the member is there; one that answers with something else is left alone.
 * On the injected clock. Source: docs/decisions/0136-stated-addresses.md
 */
import { CODE_P2P, type Multiaddr } from "@multiformats/multiaddr";
import type { Clock } from "../contract/ports.ts";
import { isLoopbackHost } from "../contract/loopback.ts";
import { createTokenBuckets } from "../resilience/token-buckets.ts";
import { hostOf, readAddress } from "./address.ts";
import { MAX_GUARDED, NEW_ADDRESSES, STRIKE_EVERY_MS, STRIKE_WAIT_MAX_MS, STRIKE_WAIT_MIN_MS, STRIKES } from "./protocols.ts";

/** What it needs. */
export interface DialGuardDeps {
  readonly clock: Pick<Clock, "now">;
  /** Whether this agent itself can be reached on its own machine alone. */
  isOnLoopback(): boolean;
  /** Addresses of a member were left out. */
  onHeldBack(held: { readonly agentId: string; readonly address: string; readonly code: "BUSY" | "PEER_UNREACHABLE" }): void;
}

/** Chooses addresses. All are multiaddrs without peer id, as `readAddresses` gives them. */
export interface DialGuard {
  /** Those of an agent's addresses that may be dialled now; new ones are paid for. */
  mayDial(agentId: string, addresses: readonly string[]): string[];
  /** Addresses that do not come from the agent's own word: somebody configured or typed them. */
  trust(agentId: string, addresses: readonly string[]): void;
  /** Addresses that the LAN told of, which cost the agent nothing: anybody there could say them in its name, and reach no further than they do. */
  heardOnLan(agentId: string, addresses: readonly string[]): void;
  /** Something has taken a connection at an address; nothing was sent there yet. */
  opened(agentId: string, address: Multiaddr): void;
  /** Noise has proven that the agent is there. */
  proven(agentId: string, address: Multiaddr): void;
  /** The agent has come from there itself and proven its membership. */
  cameFrom(agentId: string, address: Multiaddr): void;
  /** This machine is in another network: the same addresses are other machines. */
  networkChanged(): void;
}

/** An address that was paid for, or is proven. `strikes`: how often in a row something else answered there. */
interface Known {
  readonly isSure: boolean;
  readonly strikes: number;
  readonly struckAt: number;
}

interface Guarded {
  readonly hosts: Set<string>;
  readonly addresses: Map<string, Known>;
}

const PAID: Known = { isSure: false, strikes: 0, struckAt: Number.NEGATIVE_INFINITY };
const SURE: Known = { isSure: true, strikes: 0, struckAt: Number.NEGATIVE_INFINITY };

const textOf = (address: Multiaddr): string => address.decapsulateCode(CODE_P2P).toString();
const hostIn = (address: string): string => {
  const read = readAddress(address);
  return (read && hostOf(read)) ?? "";
};

/** Keeps no more than so many, the newest. */
function bound(kept: Map<string, unknown> | Set<string>, most: number): void {
  const [oldest] = kept.keys();
  if (kept.size > most && oldest !== undefined) kept.delete(oldest);
}

/** A network that swallowed what was sent is good again soon; a printer stays one. */
const waitOf = (strikes: number): number => Math.min(STRIKE_WAIT_MIN_MS * 2 ** Math.min(strikes - STRIKES, 10), STRIKE_WAIT_MAX_MS);

/** A guard that knows nobody yet. */
export function createDialGuard(deps: DialGuardDeps): DialGuard {
  const { clock } = deps;
  const agents = new Map<string, Guarded>();
  const budget = createTokenBuckets({ clock }, { ...NEW_ADDRESSES, maxKept: MAX_GUARDED.agents });

  function of(agentId: string): Guarded {
    const guarded = agents.get(agentId) ?? { hosts: new Set(), addresses: new Map() };
    agents.delete(agentId);
    agents.set(agentId, guarded);
    bound(agents, MAX_GUARDED.agents);
    return guarded;
  }

  function keep(agentId: string, address: string, known: Known): void {
    const { addresses } = of(agentId);
    addresses.delete(address);
    addresses.set(address, known);
    bound(addresses, MAX_GUARDED.addresses);
  }

  /** A clock that was set back keeps nobody out for longer. */
  const isStruck = ({ isSure, strikes, struckAt }: Known): boolean =>
    !isSure && strikes >= STRIKES && Math.abs(clock.now() - struckAt) < waitOf(strikes);

  /** Whether an address may be dialled that nothing has answered yet which is the agent. */
  function mayTry(agentId: string, address: string, known: Known | undefined, isItsHost: boolean): boolean {
    if (known !== undefined && isStruck(known)) return false;
    if (isItsHost) return true;
    if (isLoopbackHost(hostIn(address)) && !deps.isOnLoopback()) return false;
    if (known !== undefined || budget.take(agentId) === 0) return true;
    deps.onHeldBack({ agentId, address, code: "BUSY" });
    return false;
  }

  return {
    mayDial(agentId, addresses) {
      const { hosts, addresses: seen } = of(agentId);
      return addresses.filter((address) => {
        const known = seen.get(address);
        if (known?.isSure === true) return true;
        const may = mayTry(agentId, address, known, hosts.has(hostIn(address)));
        if (may) keep(agentId, address, known ?? PAID);
        return may;
      });
    },
    trust(agentId, addresses) {
      for (const address of addresses) keep(agentId, address, SURE);
    },
    heardOnLan(agentId, addresses) {
      for (const address of addresses) if (!of(agentId).addresses.has(address)) keep(agentId, address, PAID);
    },
    opened(agentId, remote) {
      const address = textOf(remote);
      const known = agents.get(agentId)?.addresses.get(address);
      if (known === undefined || known.isSure || Math.abs(clock.now() - known.struckAt) < STRIKE_EVERY_MS) return;
      const strikes = known.strikes + 1;
      keep(agentId, address, { isSure: false, strikes, struckAt: clock.now() });
      if (strikes === STRIKES) deps.onHeldBack({ agentId, address, code: "PEER_UNREACHABLE" });
    },
    proven(agentId, remote) {
      const address = textOf(remote);
      if (agents.get(agentId)?.addresses.has(address) === true) keep(agentId, address, SURE);
    },
    cameFrom(agentId, remote) {
      const { hosts, addresses } = of(agentId);
      const host = hostOf(remote) ?? "";
      for (const [address, known] of addresses) if (!known.isSure && hostIn(address) === host) addresses.set(address, PAID);
      hosts.delete(host);
      hosts.add(host);
      bound(hosts, MAX_GUARDED.hosts);
    },
    networkChanged() {
      for (const { addresses } of agents.values())
        for (const [address, known] of addresses) if (!known.isSure) addresses.set(address, PAID);
    },
  };
}
