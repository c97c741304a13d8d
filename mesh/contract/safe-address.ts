/** Addresses that nothing which somebody configures may make a machine of ours call: link-local ones, where clouds keep their metadata service. */
import { BlockList, isIP } from "node:net";

const forbidden = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 3],
  // Alibaba's metadata service, Oracle's, and Azure's service for its machines.
  ["100.100.100.200", 32],
  ["192.0.0.192", 32],
  ["168.63.129.16", 32],
] as const)
  forbidden.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of [
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
  // Amazon's metadata service, Google's and Oracle's.
  ["fd00:ec2::254", 128],
  ["fd20:ce::254", 128],
  ["fd00:c1::a9fe:a9fe", 128],
] as const)
  forbidden.addSubnet(net, prefix, "ipv6");

/** Names that clouds give their metadata service; no certificate protects callers by plain http. */
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"]);

/** Networks whose IPv6 addresses stand for IPv4 ones, which then lead wherever those lead: IPv4-compatible, SIIT, NAT64 (RFC 6052, RFC 8215), 6to4. */
const carriers = new BlockList();
for (const [net, prefix] of [
  ["::", 96],
  ["::ffff:0:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2002::", 16],
] as const)
  carriers.addSubnet(net, prefix, "ipv6");

/** `::1` is this machine, and the only address of these networks that is one of its own. */
const isCarrier = (host: string): boolean => host !== "::1" && carriers.check(host, "ipv6");

/**
 * True for hosts that are no server of anybody's: link-local, unspecified, multicast, carried and metadata addresses, in any spelling that `URL` reads. A name
 * that resolves to one is not seen here; https is what keeps such a server from passing for another.
 * @param hostname as `URL` gives it
 */
export function isForbiddenHost(hostname: string): boolean {
  const host = hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  const family = isIP(host);
  if (family === 0) return METADATA_NAMES.has(host);
  if (family === 4) return forbidden.check(host, "ipv4");
  // Nobody's server is configured by such an address; what it leads to is the network's to say.
  return isCarrier(host) || forbidden.check(host, "ipv6");
}

/**
 * True for the address of a server that this machine may be told to call: http or https, no user in it, no forbidden host. Whether plain http is right
 * there is the caller's to say.
 */
export function isServerAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "" && !isForbiddenHost(hostname);
}
