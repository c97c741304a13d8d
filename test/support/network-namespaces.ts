/** Hosts as network namespaces on switches, which are bridges in a namespace of their own: nothing of the machine's network is touched. */
import { execFileSync } from "node:child_process";

/** A network of hosts. */
export interface TestLan {
  /** The command and arguments that run a program on a host. */
  on(host: number, command: string, ...args: string[]): [command: string, args: string[]];
  readonly addresses: readonly string[];
  /** Takes an address from a host's first cable and gives it another. */
  move(host: number, from: string, to: string): void;
  /** Gives a host one more cable, to a switch. */
  connect(host: number, subnet: number): void;
  /** Addresses at the other ends of a host's open TCP connections. */
  connectedTo(host: number): string[];
  /** Removes everything; safe to call twice. */
  remove(): void;
}

const ip = (...args: string[]): string => execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** True where this process may make network namespaces. */
export function canMakeNamespaces(): boolean {
  const name = `gaggle-${process.pid}-probe`;
  try {
    ip("netns", "add", name);
    ip("netns", "del", name);
    return true;
  } catch {
    // Not root, no `ip` program, or a sandbox that forbids it: all the same to the caller.
    return false;
  }
}

/** What a host's network looks like besides its one cable. */
export interface HostOptions {
  /** Where its default route leads: nowhere, through the cable, or into a VPN that reaches nobody. Default nowhere. */
  readonly defaultRoute?: "cable" | "vpn";
  /** Whether it has a container network of its own, as a machine with Docker. */
  readonly containers?: boolean;
  /** Which of the network's switches it is on; default 0. More than one makes it a machine between networks, which forwards nothing. */
  readonly subnets?: readonly number[];
}

/** Address of a host on a switch: `10.77.<switch>.<host + 1>`. */
export const hostAddress = (subnet: number, host: number): string => `10.77.${subnet}.${host + 1}`;

function plug(prefix: string, host: number, subnet: number, port: number): void {
  const name = `${prefix}-${host}`;
  const end = `port${subnet}x${host}`;
  ip("-n", `${prefix}-switch`, "link", "add", end, "type", "veth", "peer", "name", `eth${port}`, "netns", name);
  ip("-n", `${prefix}-switch`, "link", "set", end, "master", `bridge${subnet}`, "up");
  ip("-n", name, "address", "add", `${hostAddress(subnet, host)}/24`, "dev", `eth${port}`);
  ip("-n", name, "link", "set", `eth${port}`, "up");
}

/** An interface that leads nowhere: a pair of which the other end is on the same host and silent. */
function addDeadEnd(host: string, name: string, cidr: string): void {
  ip("-n", host, "link", "add", name, "type", "veth", "peer", "name", `${name}end`);
  ip("-n", host, "address", "add", cidr, "dev", name);
  ip("-n", host, "link", "set", name, "up");
  ip("-n", host, "link", "set", `${name}end`, "up");
}

function makeHost(prefix: string, index: number, { defaultRoute, containers = false, subnets = [0] }: HostOptions): string {
  const host = `${prefix}-${index}`;
  ip("netns", "add", host);
  ip("-n", host, "link", "set", "lo", "up");
  for (const [port, subnet] of subnets.entries()) plug(prefix, index, subnet, port);
  if (containers) addDeadEnd(host, "docker0", "172.17.0.1/16");
  if (defaultRoute === "vpn") addDeadEnd(host, "tun0", `10.8.0.${index + 1}/24`);
  if (defaultRoute === "vpn") ip("-n", host, "route", "add", "default", "dev", "tun0");
  if (defaultRoute === "cable") ip("-n", host, "route", "add", "default", "via", "10.77.0.254", "dev", "eth0");
  return hostAddress(subnets[0] ?? 0, index);
}

/** Makes a network of hosts, one each option. What was made before a failure is removed again. */
export function createTestLan(name: string, hosts: readonly HostOptions[]): TestLan {
  const prefix = `gaggle-${process.pid}-${name}`;
  const remove = (): void => {
    const present = ip("netns", "list")
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "");
    for (const namespace of present.filter((one) => one.startsWith(`${prefix}-`))) ip("netns", "del", namespace);
  };
  try {
    ip("netns", "add", `${prefix}-switch`);
    for (const subnet of new Set(hosts.flatMap(({ subnets = [0] }) => subnets))) {
      const bridge = `bridge${subnet}`;
      ip("-n", `${prefix}-switch`, "link", "add", bridge, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0");
      ip("-n", `${prefix}-switch`, "link", "set", bridge, "up");
    }
    const addresses = hosts.map((options, index) => makeHost(prefix, index, options));
    const move = (host: number, from: string, to: string): void => {
      ip("-n", `${prefix}-${host}`, "address", "del", `${from}/24`, "dev", "eth0");
      ip("-n", `${prefix}-${host}`, "address", "add", `${to}/24`, "dev", "eth0");
    };
    return {
      addresses,
      move,
      remove,
      on: (host, command, ...args) => ["ip", ["netns", "exec", `${prefix}-${host}`, command, ...args]],
      // Behind the ports that hosts have from the beginning.
      connect: (host, subnet) => plug(prefix, host, subnet, 9),
      connectedTo: (host) =>
        ip("netns", "exec", `${prefix}-${host}`, "ss", "-Htn", "state", "established")
          .split("\n")
          .flatMap((line) => line.trim().split(/\s+/)[3]?.replace(/:\d+$/, "") ?? []),
    };
  } catch (error) {
    remove();
    throw error;
  }
}
