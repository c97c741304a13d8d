/** A node that was restored from before what agents have forgotten since: goes on over the gap where the agent shows that the node had taken it all. */
import { type CheckedBridge, checkBridge } from "../../mesh/audit/bridge.ts";
import type { AuditBridge } from "../../mesh/contract/audit.ts";
import { type BundleManifest, bundleManifest } from "../../mesh/contract/bundle.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { CLOCK_LEEWAY_MS, RETENTION_DAYS } from "../../mesh/contract/limits.ts";
import type { Clock, Transaction } from "../../mesh/contract/ports.ts";
import { unverifiedPayloadOf } from "../../mesh/identity/jws.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import { ownEvent, type OwnIdentity } from "../own-event.ts";
import { bridgeKey, type StoredEnd } from "./collected-chains.ts";

const DAY_MS = 86_400_000;
const MAX_MANIFEST_BYTES = 1_048_576;

/** What bridging needs. */
export interface LostEventsDeps {
  readonly shelf: Pick<BundleShelf, "newest" | "manifests">;
  readonly clock: Pick<Clock, "now">;
  readonly own: OwnIdentity;
}

/** Checks and crosses bridges. */
export function bridgesOfChain(deps: LostEventsDeps, config: { org: string }) {
  /** Keys by which this node may have signed receipts, also before. The shelf has checked the manifests. */
  const issuers = async (): Promise<BundleManifest["issuers"]> =>
    (await deps.shelf.manifests()).flatMap((jws) => bundleManifest.parse(unverifiedPayloadOf(jws, MAX_MANIFEST_BYTES)).issuers);

  return {
    /**
     * Only what is older than the signed retention may be gone at the agent: else it forgets at a restore what it would rather not have shown.
     * @throws GaggleError CREDENTIAL_INVALID, AUDIT_GAP where it is not old enough
     */
    async check(agentId: string, bridge: AuditBridge): Promise<CheckedBridge> {
      const checked = checkBridge(bridge, { agentId, org: config.org, issuers: await issuers() });
      const { retentionDays = RETENTION_DAYS } = deps.shelf.newest().manifest;
      if (Date.parse(checked.anchor.ts) <= deps.clock.now() - retentionDays * DAY_MS + CLOCK_LEEWAY_MS) return checked;
      throw new GaggleError("AUDIT_GAP", "What is missing is not old enough to be forgotten; send it, or join again as a new agent.");
    },
    /** The end to go on from: on the other side, or the stored one where no bridge is needed. */
    across(stored: StoredEnd | undefined, bridge: AuditBridge | undefined, checked: CheckedBridge | undefined): StoredEnd | undefined {
      // Of an agent that never sent anything nothing was taken: it has no chain here to go on with.
      if (stored === undefined || bridge === undefined || checked === undefined || checked.anchor.seq <= stored.seq) return stored;
      return { ...stored, seq: checked.anchor.seq, hash: checked.anchor.hash, owed: { seq: bridge.seq, hash: bridge.hash } };
    },
    /** Keeps a bridge that was gone over, in the transaction that stores what follows. @param stored the end before it */
    note(tx: Transaction, stored: StoredEnd, bridge: AuditBridge, { anchor }: CheckedBridge): void {
      tx.put(bridgeKey(anchor.agentId, anchor.seq), JSON.stringify(bridge));
      const details = { from: stored.seq + 1, to: anchor.seq, forgottenBy: anchor.ts, receipt: bridge.seq };
      tx.audit(ownEvent(deps.own, { action: "audit.bridge", target: `agent:${anchor.agentId}`, result: "ok", details }));
    },
  };
}
