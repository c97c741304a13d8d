/** Addresses that nothing which somebody configures, or a colleague says, may make a machine of ours call, such as clouds' metadata services. */
import { BlockList, isIP } from "node:net";

/** No single host: unspecified and multicast; and clouds' services for their own machines. */
const nobody = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["224.0.0.0", 3],
  // The metadata service of most clouds; Amazon's for containers.
  ["169.254.169.254", 32],
  ["169.254.170.2", 32],
  ["169.254.170.23", 32],
  // Alibaba's metadata service, Oracle's, and Azure's service for its machines.
  ["100.100.100.200", 32],
  ["192.0.0.192", 32],
  ["168.63.129.16", 32],
] as const)
  nobody.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of [
  ["ff00::", 8],
  // Amazon's metadata services, Google's and Oracle's.
  ["fd00:ec2::254", 128],
  ["fd00:ec2::23", 128],
  ["fd20:ce::254", 128],
  ["fd00:c1::a9fe:a9fe", 128],
] as const)
  nobody.addSubnet(net, prefix, "ipv6");

const linkLocal = new BlockList();
linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
for (const net of ["fe80::", "fec0::"]) linkLocal.addSubnet(net, 10, "ipv6");

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

const plainHost = (hostname: string): string =>
  hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();

/**
 * True for hosts that are no server and no colleague of anybody's: unspecified, multicast and metadata addresses, and IPv6 addresses that stand for IPv4
 * ones. Link-local addresses are none: a network without DHCP has no others.
 * @param hostname an address, or a name
 */
export function isNobodysHost(hostname: string): boolean {
  const host = plainHost(hostname);
  const family = isIP(host);
  if (family === 0) return METADATA_NAMES.has(host);
  if (family === 4) return nobody.check(host, "ipv4");
  // What such an address leads to is the network's to say.
  return isCarrier(host) || nobody.check(host, "ipv6");
}

/**
 * True for hosts that are no server of anybody's: as {@link isNobodysHost}, and link-local, in any spelling that `URL` reads. A name that resolves to one
 * is not seen here; https is what keeps such a server from passing for another.
 * @param hostname as `URL` gives it
 */
export function isForbiddenHost(hostname: string): boolean {
  const host = plainHost(hostname);
  const family = isIP(host);
  return isNobodysHost(host) || (family !== 0 && linkLocal.check(host, family === 4 ? "ipv4" : "ipv6"));
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
