/** How this agent's bundle and revocations spread to other members and come from them. Source: decision 0081. */
import { BOOTSTRAP_ROLE } from "../contract/identity.ts";
import type { BundleSharing } from "../peer/peer-node.ts";
import type { Membership } from "./membership.ts";

/** Sharing over the agent's membership. @param config `role`: this agent's own */
export function createBundleSharing(
  membership: Pick<Membership, "trust" | "acceptTrust" | "lastBundle" | "accept">,
  config: { role: string },
): BundleSharing {
  return {
    wants({ bundleVersion, revocationSeq }, role) {
      const { version, revocations } = membership.trust().manifest;
      if (revocationSeq > revocations.seq || bundleVersion > version) return true;
      const hasOurs = role === config.role || role === BOOTSTRAP_ROLE;
      return hasOurs && bundleVersion > membership.lastBundle().manifest.version;
    },
    offer(role) {
      const { manifest, signed } = membership.lastBundle();
      return { manifest: membership.trust().jws, bundle: role === config.role && manifest.role === role ? signed : null };
    },
    async take({ manifest, bundle }) {
      await membership.acceptTrust(manifest);
      if (bundle === null) return;
      // Its manifest first: what the root never signed is refused there, without a line in the audit for every lie of a peer.
      await membership.acceptTrust(bundle.manifest);
      await membership.accept(bundle);
    },
  };
}
