/** Addresses: which are worth telling, which are worth dialling. */
import { isIP } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import { CODE_P2P, type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { GaggleError } from "../contract/errors.ts";
import { agentId } from "../contract/ids.ts";
import { isLoopbackHost } from "../contract/loopback.ts";
import { isNobodysHost } from "../contract/safe-address.ts";
import { MAX_ADDRESSES, MIN_STATED_PORT } from "./protocols.ts";

/** Interfaces of container and virtual machine hosts: their addresses mean something else, or nothing, on another machine. */
const VIRTUAL_INTERFACE = /^(docker\d|docker_gwbridge|br-[0-9a-f]{12}|veth|virbr|cni|podman|lxcbr|lxdbr|vboxnet|vmnet|vnet\d|flannel|cali)/;
const HOST_CODES = { ip4: 4, ip6: 41, dns: 53, dns4: 54, dns6: 55 };

/** The host of a multiaddr (IP address or name), or undefined where it does not begin with one. */
export function hostOf(address: Multiaddr): string | undefined {
  const first = address.getComponents()[0];
  return first !== undefined && Object.values(HOST_CODES).includes(first.code) ? first.value : undefined;
}

/** Whether an interface, by its name, belongs to containers or virtual machines on this machine. */
export const isVirtualInterface = (name: string): boolean => VIRTUAL_INTERFACE.test(name);

/** Addresses of this machine that belong to container and virtual machine networks. */
export function virtualHosts(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): Set<string> {
  const virtual = Object.entries(interfaces).filter(([name]) => isVirtualInterface(name));
  return new Set(virtual.flatMap(([, infos]) => (infos ?? []).map((info) => info.address)));
}

/**
 * What to tell others of the addresses that this node listens on: nothing virtual, no IPv6 link-local (it needs a zone that only this machine
 * knows), and loopback only where there is nothing else.
 */
export function worthTelling(addresses: readonly Multiaddr[], interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): Multiaddr[] {
  const virtual = virtualHosts(interfaces);
  const useful = addresses.filter((address) => {
    const host = hostOf(address);
    return host !== undefined && !virtual.has(host) && !/^fe[89ab]/i.test(host);
  });
  const reachable = useful.filter((address) => !isLoopbackHost(hostOf(address) ?? ""));
  return reachable.length > 0 ? reachable : useful;
}

/** Reads a multiaddr that ends in a peer id. @throws GaggleError INVALID_INPUT */
export function readPeerAddress(text: string): { agentId: string; address: string } {
  const parsed = readAddress(text);
  const id = parsed?.getComponents().findLast((part) => part.code === CODE_P2P)?.value;
  if (parsed === undefined || !agentId.safeParse(id).success || id === undefined) {
    throw new GaggleError(
      "INVALID_INPUT",
      "The peer's address is not a multiaddr like /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…; copy it whole.",
    );
  }
  return { agentId: id, address: parsed.decapsulateCode(CODE_P2P).toString() };
}

/** A multiaddr over TCP from text, or undefined for anything else. */
export function readAddress(text: string): Multiaddr | undefined {
  try {
    const parsed = multiaddr(text);
    return hostOf(parsed) !== undefined && parsed.getComponents()[1]?.name === "tcp" ? parsed : undefined;
  } catch {
    // A stranger's text that is no multiaddr is simply not an address.
    return undefined;
  }
}

const plain = (address: Multiaddr): string => address.decapsulateCode(CODE_P2P).toString();

const isDialable = (address: Multiaddr): boolean => !isNobodysHost(hostOf(address) ?? "");

/**
 * By a member's word alone: an address and no name, which could lead anywhere by the time that it is looked up; and no port of the system's services.
 * Agents listen on addresses, so none of theirs is lost. Source: docs/decisions/0136-stated-addresses.md
 */
const isStatable = (address: Multiaddr): boolean =>
  isDialable(address) && isIP(hostOf(address) ?? "") !== 0 && Number(address.getComponents()[1]?.value) >= MIN_STATED_PORT;

const read = (texts: readonly string[], fits: (address: Multiaddr) => boolean): string[] => {
  const fitting = texts.map(readAddress).filter((address) => address !== undefined && fits(address)) as Multiaddr[];
  return [...new Set(fitting.map(plain))].slice(0, MAX_ADDRESSES);
};

/** Of what a peer says what may be dialled, without peer id, no more than are kept for one agent. */
export const readAddresses = (texts: readonly string[]): string[] => read(texts, isStatable);

/** The same of this node's own, which may be at any port: whoever has it configured dials it there. */
export const ownAddresses = (addresses: readonly Multiaddr[]): string[] => read(addresses.map(String), isDialable);
