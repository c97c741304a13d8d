/** Batches of the audit chain for the bootstrap node: gap-free, each with a signed head. Retrying is the caller's. Source: design, Trust, Audit. */
import type { AuditEvent } from "../contract/audit.ts";
import type { Clock, CommitQueue, OrderedStore, Signer } from "../contract/ports.ts";
import type { AuditChain } from "./chain.ts";
import { signHead } from "./head.ts";

const CURSOR_KEY = "audit/shipped";

/** What is sent at once: events without a gap, and the agent's signature over the last one. */
export interface AuditBatch {
  readonly events: readonly AuditEvent[];
  /** Compact JWS over the `AuditHead` of the last event in the batch. */
  readonly head: string;
}

/** Keeps track of what the bootstrap node has. */
export interface AuditShipper {
  /** Sequence number of the last event that the node has. */
  shipped(): number;
  /** The next batch, or undefined when the node has everything. The same until {@link AuditShipper.acknowledge}. */
  nextBatch(): Promise<AuditBatch | undefined>;
  /** The node has everything up to `seq`; kept on disk. A lower `seq` than before takes the cursor back, as after an AUDIT_GAP answer. */
  acknowledge(seq: number): Promise<void>;
}

/**
 * Makes a shipper that goes on where the last one stopped.
 * @param config `maxEvents` a batch, so that a batch fits the node's body limit
 */
export function createAuditShipper(
  deps: { store: OrderedStore; queue: CommitQueue; chain: Pick<AuditChain, "list" | "head">; signer: Signer; clock: Clock },
  config: { org: string; agentId: string; maxEvents: number },
): AuditShipper {
  const shipped = (): number => Number(deps.store.get(CURSOR_KEY) ?? 0);
  return {
    shipped,
    async nextBatch() {
      const end = deps.chain.head().seq;
      const fromSeq = shipped() + 1;
      if (fromSeq > end) return undefined;
      const events = await deps.chain.list({ fromSeq, limit: Math.min(config.maxEvents, end - fromSeq + 1) });
      const last = events.at(-1);
      if (last === undefined) return undefined;
      const head = {
        v: 1,
        org: config.org,
        agentId: config.agentId,
        seq: last.seq,
        hash: last.hash,
        ts: new Date(deps.clock.now()).toISOString(),
      } as const;
      return { events, head: signHead(head, deps.signer) };
    },
    async acknowledge(seq) {
      await deps.queue.run((tx) => tx.put(CURSOR_KEY, String(Math.min(seq, deps.chain.head().seq))), { finishing: true });
    },
  };
}
