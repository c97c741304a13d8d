/** What this agent says of itself to members: its credential, its signed addresses, and the news that it knows. */
import type { Clock } from "../contract/ports.ts";
import { agentIdOf, createSigner, type Ed25519PrivateJwk } from "../identity/keys.ts";
import type { PeerRecord, SharedPeer } from "./known-peers.ts";
import type { BundleNews } from "./peer-exchange.ts";
import type { PeerMembership } from "./peer-node.ts";
import { createOwnStatement } from "./peer-statement.ts";

/** What it is made of. */
export interface OwnRecordDeps {
  readonly privateKey: Ed25519PrivateJwk;
  readonly membership: Pick<PeerMembership, "credential" | "bundleVersion" | "revocationSeq" | "revocations">;
  /** Where this node listens now. */
  readonly addresses: () => string[];
  readonly clock: Pick<Clock, "now">;
}

/** Makes it for an organisation. */
export function createOwnRecord({ privateKey, membership, addresses, clock }: OwnRecordDeps, config: { org: string }) {
  const agentId = agentIdOf(privateKey);
  const state = createOwnStatement({ org: config.org, agent: agentId, signer: createSigner(privateKey), now: clock.now });
  return {
    /** As of now; the same statement as before where nothing of it has changed. */
    record(): SharedPeer & PeerRecord {
      const [credential, own] = [membership.credential(), addresses()];
      const { statement, seq } = state(own, credential);
      return { agentId, credential, statement, addresses: own, seenAt: seq };
    },
    news(): BundleNews {
      const revocations = membership.revocations?.();
      const known = { bundleVersion: membership.bundleVersion(), revocationSeq: membership.revocationSeq() };
      return revocations === undefined ? known : { ...known, revocations };
    },
  };
}
