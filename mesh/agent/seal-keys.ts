/** Members' X25519 keys, to which values are sealed. Learned only from credentials that the holder of the agent key itself showed. */
import type { MembershipClaims } from "../contract/identity.ts";

/** Members whose keys are remembered; more than a company has agents of one agent's acquaintance. */
const MAX_KEYS = 4_096;

/** Members' keys. */
export interface SealKeys {
  /**
   * Remembers the key of a credential that verified, shown in hello, in an envelope signed by its agent key, or with that agent's signed statement of
   * the key. Returns the claims.
   */
  learn(claims: MembershipClaims): MembershipClaims;
  of(agentId: string): MembershipClaims["seal"] | undefined;
}

/** Makes the table; hello fills it anew after a restart, before anything can be sent. */
export function createSealKeys(): SealKeys {
  const keys = new Map<string, MembershipClaims["seal"]>();
  return {
    learn: (claims) => {
      keys.delete(claims.agent);
      keys.set(claims.agent, claims.seal);
      const [oldest] = keys.keys();
      if (keys.size > MAX_KEYS && oldest !== undefined) keys.delete(oldest);
      return claims;
    },
    of: (agentId) => keys.get(agentId),
  };
}
