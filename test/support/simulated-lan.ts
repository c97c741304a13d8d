/** A LAN on a virtual clock: speakers that hear each other's packets, and who hears a claim is soon connected. Counts packets. */
import type { QueryPacket, ResponsePacket } from "multicast-dns";
import type { LanClaim } from "../../mesh/peer/lan/lan-records.ts";
import { createLanSpeaker, type LanSpeaker } from "../../mesh/peer/lan/lan-speaker.ts";
import { agentIdOf } from "../../mesh/identity/keys.ts";
import { keyOf } from "./peer-world.ts";
import { createSeededRandom } from "./seeded-random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Time from hearing a claim to a proven connection. */
const CONNECT_MS = 50;

/** A packet on the simulated wire. */
export interface LanPacket {
  readonly at: number;
  readonly from: number;
  readonly type: "query" | "response";
  readonly packet: QueryPacket | ResponsePacket;
}

/** A host of the simulated LAN. */
export interface SimulatedHost {
  readonly agentId: string;
  readonly speaker: LanSpeaker;
  readonly connected: Set<string>;
  readonly claims: LanClaim[];
  /** Moves it to another address; tell its speaker with `restart`. */
  move(address: string): void;
}

/** The LAN. */
export interface SimulatedLan {
  readonly hosts: SimulatedHost[];
  readonly packets: LanPacket[];
  /** Adds a host; it is silent until its speaker is restarted. */
  add(): SimulatedHost;
  /** Loses all packets while set. */
  cut(on: boolean): void;
  /** Hosts up to this number hear only each other, and so do the others; Infinity joins them. */
  split(at: number): void;
}

/** Name of the service on the simulated LAN. */
export const SIMULATED_SERVICE = "_gaggle-00000000._udp.local";

/** Makes one without hosts. */
export function createSimulatedLan(clock: VirtualClock): SimulatedLan {
  const hosts: SimulatedHost[] = [];
  const packets: LanPacket[] = [];
  let isCut = false;
  let border = Number.POSITIVE_INFINITY;

  function deliver(from: number, type: LanPacket["type"], sent: object): void {
    const packet = { questions: [], answers: [], authorities: [], additionals: [], flags: 0, ...sent } as unknown as QueryPacket &
      ResponsePacket;
    packets.push({ at: clock.now(), from, type, packet });
    if (isCut) return;
    clock.after(1, () => {
      for (const [to, { speaker }] of hosts.entries()) {
        if (to < border !== from < border) continue;
        if (type === "query") speaker.hearQuery(packet, `10.0.0.${from}`);
        else speaker.hearResponse(packet);
      }
    });
  }

  function add(): SimulatedHost {
    const index = hosts.length;
    const agentId = agentIdOf(keyOf(`host ${index}`));
    const connected = new Set<string>();
    const claims: LanClaim[] = [];
    let address = `/ip4/10.0.${index >> 8}.${index & 255}/tcp/4000`;
    const connect = (other: string): void => {
      connected.add(other);
      hosts.find((host) => host.agentId === other)?.connected.add(agentId);
    };
    const speaker = createLanSpeaker({
      service: SIMULATED_SERVICE,
      source: `10.0.0.${index}`,
      own: () => ({ agentId, addresses: [address] }),
      isMember: (id) => connected.has(id),
      memberCount: () => connected.size,
      onClaim: (claim) => {
        claims.push(claim);
        clock.after(CONNECT_MS, () => connect(claim.agentId));
      },
      speech: { query: (sent) => deliver(index, "query", sent), respond: (sent) => deliver(index, "response", sent) },
      clock,
      random: createSeededRandom(index + 1),
    });
    const host: SimulatedHost = { agentId, speaker, connected, claims, move: (next) => (address = next) };
    hosts.push(host);
    return host;
  }

  return { hosts, packets, add, cut: (on) => (isCut = on), split: (at) => (border = at) };
}
