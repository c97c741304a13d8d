/** Multicast DNS on one interface by the library multicast-dns: a socket of its own, so that no default route decides where it speaks. */
import { BlockList } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import createMulticast, { type MulticastDNS, type QueryPacket, type ResponsePacket } from "multicast-dns";
import type { LanSpeech } from "./lan-speaker.ts";

const MDNS_PORT = 5_353;

/** An interface of this machine that has an IPv4 address. */
export interface LanInterface {
  readonly name: string;
  /** Its first IPv4 address, from which it speaks. */
  readonly address: string;
  /** All its addresses, IPv6 too. */
  readonly infos: readonly NetworkInterfaceInfo[];
}

/** What is heard on an interface, from machines on the same link alone. */
export interface LanLinkEvents {
  onQuery(packet: QueryPacket, source: string): void;
  onResponse(packet: ResponsePacket): void;
  /** The socket can't be used any more, or could not be opened: port 5353 is taken, or the interface takes no multicast. */
  onFailure(error: Error): void;
}

/** Multicast DNS on one interface. */
export interface LanLink extends LanSpeech {
  /** Sends what was said before, then closes. */
  close(): Promise<void>;
}

/** Opens one. */
export type OpenLanLink = (on: LanInterface, events: LanLinkEvents) => LanLink;

/** Which addresses are on the interface's own networks. */
export function onLinkOf(infos: readonly NetworkInterfaceInfo[]): (address: string) => boolean {
  const networks = new BlockList();
  for (const { cidr, family } of infos) {
    const [network, bits] = (cidr ?? "").split("/");
    if (network !== undefined && bits !== undefined) networks.addSubnet(network, Number(bits), family === "IPv6" ? "ipv6" : "ipv4");
  }
  return (address) => networks.check(address, address.includes(":") ? "ipv6" : "ipv4");
}

/** Opens multicast DNS on an interface; it is usable at once and sends when its socket is bound. */
export const openMulticastLink: OpenLanLink = (on, events) => {
  const isOnLink = onLinkOf(on.infos);
  let failed = false;
  const fail = (error: Error): void => {
    if (failed) return;
    failed = true;
    events.onFailure(error);
  };
  // Bound to every address, since a socket bound to the interface's own would hear no multicast; so others' interfaces are heard too, and told by their source.
  const socket: MulticastDNS = createMulticast({ interface: on.address, bind: "0.0.0.0", loopback: true, ttl: 255 });
  socket.on("error", fail);
  // Packets of other programs that can't be decoded, and groups that can't be joined: the first say nothing, the second show when sending fails.
  socket.on("warning", () => undefined);
  socket.on("query", (packet, { address, port }) => {
    if (port === MDNS_PORT && isOnLink(address)) events.onQuery(packet, address);
  });
  socket.on("response", (packet, { address, port }) => {
    if (port === MDNS_PORT && isOnLink(address)) events.onResponse(packet);
  });
  let sending = Promise.resolve();
  const track = (send: (done: (error: Error | null) => void) => void): void => {
    const sent = new Promise<void>((resolve) =>
      send((error) => {
        if (error) fail(error);
        resolve();
      }),
    );
    sending = sending.then(() => sent);
  };
  return {
    query: (packet) => track((done) => socket.query(packet, done)),
    respond: (packet) => track((done) => socket.respond(packet, done)),
    async close() {
      await sending;
      await new Promise<void>((resolve) => socket.destroy(resolve));
    },
  };
};
