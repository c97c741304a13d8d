/** Finds agents on every LAN that this machine is on: one speaker an interface, opened and closed as interfaces come and go. Source: decision 0080. */
import type { NetworkInterfaceInfo } from "node:os";
import { multiaddr } from "@multiformats/multiaddr";
import type { Clock, Random } from "../../contract/ports.ts";
import { hostOf, isVirtualInterface, readAddresses } from "../address.ts";
import type { PeerLog } from "../peer-node.ts";
import { createLanSpeaker, type LanSpeaker } from "./lan-speaker.ts";
import { type LanClaim, lanService } from "./lan-records.ts";
import { type LanInterface, type LanLink, onLinkOf, type OpenLanLink } from "./multicast-link.ts";

/** Interfaces that are spoken on; a machine with more has something odd. */
const MAX_INTERFACES = 16;
/** Wait before an interface whose socket failed is tried again. */
const RETRY_MS = 30_000;

/** What discovery needs. */
export interface LanDiscoveryDeps {
  /** The interfaces of this machine as they are now. */
  interfaces(): NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** Addresses that this agent listens on: multiaddrs without peer id. */
  listening(): readonly string[];
  isMember(agentId: string): boolean;
  memberCount(): number;
  /** An agent is said to be at addresses of a network that this machine is on itself: unproven, possibly false. */
  onClaim(claim: LanClaim): void;
  readonly open: OpenLanLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: PeerLog;
}

/** Finds agents on the LAN. */
export interface LanDiscovery {
  /** Opens what is new, closes what is gone, and says and asks again on all: at the start, after sleep, when interfaces or addresses changed. */
  refresh(): void;
  /** Says goodbye and closes. */
  close(): Promise<void>;
}

interface Open {
  readonly link: LanLink;
  readonly speaker: LanSpeaker;
}

const hostIn = (address: string): string => hostOf(multiaddr(address)) ?? "";

/** The interfaces that lead to other machines: IPv4, neither loopback nor a container network. */
export function lanInterfaces(all: NodeJS.Dict<NetworkInterfaceInfo[]>): LanInterface[] {
  const found = Object.entries(all).flatMap(([name, infos = []]) => {
    const own = infos.find(({ family, internal }) => family === "IPv4" && !internal);
    return own === undefined || isVirtualInterface(name) ? [] : [{ name, address: own.address, infos }];
  });
  return found.slice(0, MAX_INTERFACES);
}

/** Discovery that is silent until {@link LanDiscovery.refresh}. */
export function createLanDiscovery(deps: LanDiscoveryDeps, config: { org: string; agentId: string }): LanDiscovery {
  const open = new Map<string, Open>();
  const retries = new Set<() => void>();
  const service = lanService(config.org);
  let closed = false;

  const keyOf = ({ name, infos }: LanInterface): string => [name, ...infos.map(({ cidr }) => cidr)].join(" ");

  /** What of this agent's addresses is on the interface itself. */
  function ownClaim({ infos }: LanInterface): LanClaim | undefined {
    const addresses = deps.listening().filter((address) => infos.some((info) => info.address === hostIn(address)));
    return addresses.length === 0 ? undefined : { agentId: config.agentId, addresses };
  }

  function start(on: LanInterface): void {
    const key = keyOf(on);
    const isOnLink = onLinkOf(on.infos);
    const link = deps.open(on, {
      onQuery: (packet, source) => speaker.hearQuery(packet, source),
      onResponse: (packet) => speaker.hearResponse(packet),
      onFailure: (error) => fail(key, error),
    });
    const speaker = createLanSpeaker({
      ...deps,
      service,
      source: on.address,
      own: () => ownClaim(on),
      // Nobody on the LAN can make this agent dial beyond it.
      onClaim: ({ agentId, addresses }) =>
        deps.onClaim({ agentId, addresses: readAddresses(addresses).filter((one) => isOnLink(hostIn(one))) }),
      speech: link,
    });
    open.set(key, { link, speaker });
  }

  async function stop(key: string): Promise<void> {
    const found = open.get(key);
    open.delete(key);
    found?.speaker.close();
    await found?.link.close();
  }

  /** Some interfaces take no multicast (many VPNs); others are only not ready yet. */
  function fail(key: string, error: Error): void {
    if (closed || !open.has(key)) return;
    deps.log.debug({ interface: key.split(" ")[0], code: error.name }, "no discovery on this interface for now");
    void stop(key);
    const cancel = deps.clock.after(RETRY_MS, () => {
      retries.delete(cancel);
      sync();
    });
    retries.add(cancel);
  }

  /** Opens what is new, closes what is gone. */
  function sync(): void {
    if (closed) return;
    const present = new Map(lanInterfaces(deps.interfaces()).map((on) => [keyOf(on), on]));
    for (const key of open.keys()) if (!present.has(key)) void stop(key);
    for (const [key, on] of present) {
      if (open.has(key)) continue;
      start(on);
      open.get(key)?.speaker.restart();
    }
  }

  return {
    refresh() {
      const before = [...open.values()];
      sync();
      for (const { speaker } of before) speaker.restart();
    },
    async close() {
      closed = true;
      for (const cancel of retries) cancel();
      await Promise.all([...open.keys()].map(stop));
    },
  };
}
