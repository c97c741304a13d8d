/** Retention: forgets the old part of a chain up to a signed checkpoint, so that the rest stays verifiable. Source: docs/audit-format.md, Pruned chains. */
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import type { CommitQueue, OrderedStore, Transaction } from "../contract/ports.ts";
import { type ChainPlace, seqKey } from "./chain-place.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { readHead } from "./head.ts";

/** Rows that are looked at or deleted at once. */
const PAGE = 500;

/** What was pruned. */
export interface Pruned {
  /** The chain now begins after this event. */
  readonly seq: number;
  /** Events deleted by this call; fewer than the whole where an earlier one was cut off. */
  readonly events: number;
}

/**
 * The newest checkpoint that was taken at or before a time, over an event up to `upTo`. Also by the time that its agent signed, since a verifier has that
 * alone: who postdates its heads keeps its events longer.
 */
async function newestBefore(
  store: OrderedStore,
  place: ChainPlace,
  limits: { beforeMs: number; upTo: number },
): Promise<string | undefined> {
  let found: string | undefined;
  for (let from = place.checkpoints; ; ) {
    const rows = await store.range({ gte: from, lt: seqKey(place.checkpoints, limits.upTo + 1), limit: PAGE });
    for (const [, text] of rows) {
      const { at, jws } = readCheckpoint(text);
      if (at > limits.beforeMs) return found;
      if (Date.parse(readHead(jws).ts) <= limits.beforeMs + CLOCK_LEEWAY_MS) found = jws;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return found;
    from = `${last[0]}\0`;
  }
}

/** What pruning needs. */
export interface PruneDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  /** Told in the same transition of the texts of events that go. */
  onDelete?(tx: Transaction, texts: readonly string[]): void;
}

async function deleteUpTo(deps: PruneDeps, prefix: string, seq: number): Promise<number> {
  let deleted = 0;
  for (;;) {
    const rows = await deps.store.range({ gte: prefix, lt: seqKey(prefix, seq + 1), limit: PAGE });
    if (rows.length === 0) return deleted;
    // Frees space, so it passes on a full disk.
    const forget = (tx: Transaction): void => {
      for (const [key] of rows) tx.del(key);
      deps.onDelete?.(
        tx,
        rows.map(([, text]) => text),
      );
    };
    await deps.queue.run(forget, { finishing: true });
    deleted += rows.length;
  }
}

/**
 * Prunes a chain: takes the newest checkpoint that is old enough as its anchor, then deletes everything up to it. A crash in between leaves an
 * anchor and some events before it, which the next call deletes.
 * @param limits `beforeMs`: checkpoints taken later stay; `upTo`: events above stay, such as those that nobody else has yet
 * @param onAnchor runs in the transition that sets a new anchor, for the audit
 * @returns undefined where there was nothing to do
 */
export async function pruneChain(
  deps: PruneDeps,
  place: ChainPlace,
  limits: { beforeMs: number; upTo: number },
  onAnchor: (tx: Transaction, seq: number) => void,
): Promise<Pruned | undefined> {
  const stored = deps.store.get(place.anchor);
  const before = stored === undefined ? 0 : readHead(stored).seq;
  const found = await newestBefore(deps.store, place, limits);
  const seq = Math.max(before, found === undefined ? 0 : readHead(found).seq);
  if (seq === 0) return undefined;
  if (found !== undefined && seq > before) {
    await deps.queue.run(
      (tx) => {
        tx.put(place.anchor, found);
        onAnchor(tx, seq);
      },
      { finishing: true },
    );
  }
  const events = await deleteUpTo(deps, place.events, seq);
  await deleteUpTo({ store: deps.store, queue: deps.queue }, place.checkpoints, seq);
  return events === 0 ? undefined : { seq, events };
}

/** Number of the first event that a chain still has; 1 where it was never pruned. */
export const firstSeq = (store: Pick<OrderedStore, "get">, place: ChainPlace): number => {
  const anchor = store.get(place.anchor);
  return anchor === undefined ? 1 : readHead(anchor).seq + 1;
};
