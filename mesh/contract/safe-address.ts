/** Addresses that nothing which somebody configures may make a machine of ours call: link-local ones, where clouds keep their metadata service. */
import { BlockList, isIP } from "node:net";

const forbidden = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 3],
  // Alibaba's metadata service.
  ["100.100.100.200", 32],
] as const)
  forbidden.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of [
  ["::", 128],
  ["fe80::", 10],
  ["ff00::", 8],
  // Amazon's metadata service.
  ["fd00:ec2::254", 128],
] as const)
  forbidden.addSubnet(net, prefix, "ipv6");

/** Names that clouds give their metadata service; no certificate protects callers by plain http. */
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata", "instance-data"]);

/**
 * True for hosts that are no server of anybody's: link-local, unspecified, multicast and metadata addresses, in any spelling that `URL` reads. A name
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
  return forbidden.check(host, family === 4 ? "ipv4" : "ipv6");
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
