/** Hosts as network namespaces on one switch, which is a bridge in a namespace of its own: nothing of the machine's network is touched. */
import { execFileSync } from "node:child_process";

/** A LAN of hosts. */
export interface TestLan {
  /** The command and arguments that run a program on a host. */
  on(host: number, command: string, ...args: string[]): [command: string, args: string[]];
  readonly addresses: readonly string[];
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

function makeHost(prefix: string, index: number, options: { defaultRoute: boolean }): string {
  const host = `${prefix}-${index}`;
  const address = `10.77.0.${index + 1}`;
  ip("netns", "add", host);
  ip("-n", host, "link", "set", "lo", "up");
  ip("-n", `${prefix}-switch`, "link", "add", `port${index}`, "type", "veth", "peer", "name", "eth0", "netns", host);
  ip("-n", `${prefix}-switch`, "link", "set", `port${index}`, "master", "bridge0", "up");
  ip("-n", host, "address", "add", `${address}/24`, "dev", "eth0");
  ip("-n", host, "link", "set", "eth0", "up");
  if (options.defaultRoute) ip("-n", host, "route", "add", "default", "via", "10.77.0.254", "dev", "eth0");
  return address;
}

/** Makes a LAN of `hosts` hosts. What was made before a failure is removed again. */
export function createTestLan(name: string, hosts: number, options: { defaultRoute: boolean }): TestLan {
  const prefix = `gaggle-${process.pid}-${name}`;
  const remove = (): void => {
    const present = ip("netns", "list")
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "");
    for (const namespace of present.filter((one) => one.startsWith(`${prefix}-`))) ip("netns", "del", namespace);
  };
  try {
    ip("netns", "add", `${prefix}-switch`);
    ip("-n", `${prefix}-switch`, "link", "add", "bridge0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0");
    ip("-n", `${prefix}-switch`, "link", "set", "bridge0", "up");
    const addresses = Array.from({ length: hosts }, (_, index) => makeHost(prefix, index, options));
    return { addresses, remove, on: (host, command, ...args) => ["ip", ["netns", "exec", `${prefix}-${host}`, command, ...args]] };
  } catch (error) {
    remove();
    throw error;
  }
}
