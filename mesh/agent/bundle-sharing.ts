/** How this agent's bundle and revocations spread to other members and come from them. Source: decisions 0081, 0108. */
import { BOOTSTRAP_ROLE } from "../contract/identity.ts";
import { revocationDigest, takeRevocations } from "../identity/revocation.ts";
import type { BundleSharing } from "../peer/peer-node.ts";
import type { Membership } from "./membership.ts";

/** Sets of statements that are remembered as looked at; a member that makes up more is asked again. */
const MAX_LOOKED_AT = 1_000;

/** Sharing over the agent's membership. @param own this agent: its role now */
export function createBundleSharing(
  membership: Pick<Membership, "trust" | "acceptTrust" | "acceptRevocation" | "lastBundle" | "accept">,
  own: { readonly role: string },
): BundleSharing {
  const looked = createLookedAt(() => membership.trust().manifest.version);
  return {
    wants({ bundleVersion, revocationSeq, revocations: digest }, role) {
      const { manifest, revocations } = membership.trust();
      if (revocationSeq > manifest.revocations.seq || bundleVersion > manifest.version) return true;
      if (digest !== undefined && digest !== revocationDigest(revocations) && !looked.has(digest)) return true;
      const hasOurs = role === own.role || role === BOOTSTRAP_ROLE;
      return hasOurs && bundleVersion > membership.lastBundle().manifest.version;
    },
    offer(role) {
      const { manifest, signed } = membership.lastBundle();
      const { jws, revocations } = membership.trust();
      return { manifest: jws, bundle: role === own.role && manifest.role === role ? signed : null, revocations };
    },
    async take({ manifest, bundle, revocations = [] }) {
      await membership.acceptTrust(manifest);
      await takeRevocations(membership, revocations);
      looked.add(revocationDigest(revocations));
      if (bundle === null) return;
      // Its manifest first: what the root never signed is refused there, without a line in the audit for every lie of a peer.
      await membership.acceptTrust(bundle.manifest);
      await membership.accept(bundle);
    },
  };
}

/** Sets of statements that brought nothing more under the manifest of now, so that nobody is asked for them again. @param version of the newest manifest */
function createLookedAt(version: () => number): { has(digest: string): boolean; add(digest: string | undefined): void } {
  let seen = new Set<string>();
  let under = 0;
  const current = (): Set<string> => {
    const now = version();
    if (now !== under || seen.size >= MAX_LOOKED_AT) [seen, under] = [new Set(), now];
    return seen;
  };
  return {
    has: (digest) => current().has(digest),
    add: (digest) => void (digest !== undefined && current().add(digest)),
  };
}
