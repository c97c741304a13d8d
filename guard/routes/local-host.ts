/** Whether a model server's address is one that policy may call local: this machine, or a host that the signed model policy names. */
import { isLoopbackHost } from "../../mesh/contract/loopback.ts";
import type { ModelPolicy } from "../../mesh/contract/model-policy.ts";

/**
 * True for loopback and for hosts of `localHosts`, compared as names: what a name resolves to is up to the company's own DNS.
 * @param baseUrl of the upstream, as the machine has it
 */
export function isLocalHost(baseUrl: string, { localHosts }: Pick<ModelPolicy, "localHosts">): boolean {
  const { hostname } = new URL(baseUrl);
  return isLoopbackHost(hostname) || localHosts.some((host) => host.toLowerCase() === hostname);
}
