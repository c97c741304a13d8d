/** How this agent's bundle and revocations spread to other members and come from them. Source: decisions 0081, 0108. */
import { GaggleError } from "../contract/errors.ts";
import { BOOTSTRAP_ROLE } from "../contract/identity.ts";
import { revocationDigest, takeRevocations } from "../identity/revocation.ts";
import type { BundleSharing } from "../peer/peer-node.ts";
import type { Membership } from "./membership.ts";
import type { TrustWord } from "../../profiles/bundle/bundle-store.ts";

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
      const word = wordOf(membership);
      // What members say is heard by timers and streams, where nobody catches: it is judged also by a bundle that has run out.
      if (word === undefined) return bundleVersion > lastVersion(membership);
      const { manifest, revocations } = word;
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

/** The newest word of the root key; undefined where none counts now: it has run out, or is from a time that this clock has not reached. */
function wordOf(membership: Pick<Membership, "trust">): TrustWord | undefined {
  try {
    return membership.trust();
  } catch (error) {
    if (error instanceof GaggleError) return undefined;
    throw error;
  }
}

/** Version of the last good bundle; 0 where there is none. */
function lastVersion(membership: Pick<Membership, "lastBundle">): number {
  try {
    return membership.lastBundle().manifest.version;
  } catch (error) {
    if (error instanceof GaggleError) return 0;
    throw error;
  }
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
