/** Whether a model server's address is one that policy may call local: this machine, or a host that the signed model policy names. */
import type { ModelPolicy } from "../../mesh/contract/model-policy.ts";

/** 127.0.0.0/8, ::1 and `localhost` (RFC 6761), as `URL` writes them. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|(?:[a-z0-9-]+\.)*localhost)$/;

/**
 * True for loopback and for hosts of `localHosts`, compared as names: what a name resolves to is up to the company's own DNS.
 * @param baseUrl of the upstream, as the machine has it
 */
export function isLocalHost(baseUrl: string, { localHosts }: Pick<ModelPolicy, "localHosts">): boolean {
  const { hostname } = new URL(baseUrl);
  return LOOPBACK.test(hostname) || localHosts.some((host) => host.toLowerCase() === hostname);
}
