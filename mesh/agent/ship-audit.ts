/** Sends the audit chain to the bootstrap node until it has everything. */
import type { AuditChain } from "../audit/chain.ts";
import type { AuditBatch, AuditShipper } from "../audit/ship.ts";
import type { LogWatch } from "../audit/log-watch.ts";
import type { AuditBridge, AuditReceipt } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";

/** What is asked of the bootstrap node. */
export interface AuditCollector {
  /**
   * Takes a batch; resolves with the end of the chain that it then has, and its receipt.
   * @param batch `logSize`: of the node's log that is known; `bridge`: over what the node has lost and this agent has forgotten
   */
  ingest(
    batch: AuditBatch & { logSize?: number; bridge?: AuditBridge },
  ): Promise<{ seq: number; hash: string; receipt?: AuditReceipt | undefined }>;
}

/**
 * Sends batch after batch. Where the node lost some (restored from a backup), the cursor goes back to what it says it has.
 * @throws GaggleError of the node or of the way there; what was acknowledged stays acknowledged
 */
export async function shipAudit(
  shipper: AuditShipper,
  chain: Pick<AuditChain, "head" | "anchor">,
  collector: AuditCollector,
  watch?: Pick<LogWatch, "size" | "takeReceipt" | "furthest">,
): Promise<void> {
  // Bounded: every turn either moves the cursor on, or takes it back once.
  for (let turnedBack = false; ; ) {
    const batch = await shipper.nextBatch();
    if (batch === undefined) return;
    try {
      const logSize = watch?.size();
      const bridge = bridgeFor(batch, shipper.shipped(), chain.anchor(), watch?.furthest());
      const { seq, hash, receipt } = await collector.ingest({
        ...batch,
        ...(logSize === undefined ? {} : { logSize }),
        ...(bridge === undefined ? {} : { bridge }),
      });
      await watch?.takeReceipt(receipt, { seq, hash }, logSize);
      await shipper.acknowledge(seq);
      if (seq < (batch.events[0]?.seq ?? 1))
        throw new GaggleError("AUDIT_GAP", "The bootstrap node did not take the audit events it was sent.");
    } catch (error) {
      const has = error instanceof GaggleError && error.code === "AUDIT_GAP" ? expectedOf(error, chain.head().seq) : undefined;
      if (has === undefined || turnedBack) throw error;
      turnedBack = true;
      await shipper.acknowledge(has);
    }
  }
}

/** The bridge that the node wants where it is behind what this agent has forgotten; undefined where none is needed, or none can be had. */
function bridgeFor(
  { events: [first] }: AuditBatch,
  shipped: number,
  anchor: string | undefined,
  furthest: Omit<AuditBridge, "anchor"> | undefined,
): AuditBridge | undefined {
  if (first === undefined || first.seq === shipped + 1 || anchor === undefined || furthest === undefined) return undefined;
  return { ...furthest, anchor };
}

/** The last event that the node says it has, where its answer to a gap names the one it expects. */
function expectedOf(error: GaggleError, headSeq: number): number | undefined {
  const expected = error.details["expectedSeq"];
  return typeof expected === "number" && Number.isInteger(expected) && expected >= 1 && expected <= headSeq ? expected - 1 : undefined;
}
