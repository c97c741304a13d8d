/** This machine, as a host: what never leaves it needs no TLS, and a model that runs on it is no cloud's. */
import { BlockList, isIP } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * True for 127.0.0.0/8, ::1, both also as IPv4-mapped IPv6, and `localhost`. Not for `localhost.` and names below `localhost`: many systems ask the
 * network's DNS for those, whose answer anybody may give. Not for 0.0.0.0 and ::, which take callers from everywhere.
 * @param host as `URL` gives it, or an address without brackets
 * @see RFC 6890 (the addresses), RFC 6761, section 6.3 (the name)
 */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const family = isIP(bare);
  return family === 0 ? bare === "localhost" : loopback.check(bare, family === 4 ? "ipv4" : "ipv6");
}

/** True where nobody on the network reads along: https, or http that stays on this machine. What browsers call a potentially trustworthy URL. */
export const isTrustworthyUrl = ({ protocol, hostname }: URL): boolean =>
  protocol === "https:" || (protocol === "http:" && isLoopbackHost(hostname));
