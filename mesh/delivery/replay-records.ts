/**
 * The answers to messages that came already, until their envelopes can't be accepted any more: a frame that comes again gets the same answer and
 * has no effect.
 */
import { jsonText } from "../contract/json.ts";
import { REPLAY_GRACE_MS } from "../contract/limits.ts";
import type { EnvelopeClaims, Receipt } from "../contract/message.ts";
import type { Clock, CommitQueue, OrderedStore, Transaction } from "../contract/ports.ts";

/** How often expired replay records are removed. */
const PRUNE_MS = 600_000;
/** Replay records removed at once. */
const PRUNE_BATCH = 1_000;

/** What keeping them needs. */
export interface ReplayRecordsDeps {
  readonly clock: Clock;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  onError(error: unknown): void;
}

const replayKey = ({ from, id }: EnvelopeClaims): string => `replay/id/${from}/${id}`;
const expiryKey = ({ from, id, exp }: EnvelopeClaims): string =>
  `replay/until/${String(exp + REPLAY_GRACE_MS).padStart(16, "0")}/${from}/${id}`;

const answerAgain = (text: string): Receipt => {
  const before = JSON.parse(text) as Receipt;
  return before.status === "stored" ? { id: before.id, status: "duplicate" } : before;
};

/** Makes them. */
export function createReplayRecords(deps: ReplayRecordsDeps) {
  let cancelPrune: (() => void) | undefined;

  const prune = async (): Promise<void> => {
    const until = String(deps.clock.now()).padStart(16, "0");
    const rows = await deps.store.range({ gte: "replay/until/", lt: `replay/until/${until}`, limit: PRUNE_BATCH });
    if (rows.length === 0) return;
    await deps.queue.run(
      (tx) => {
        for (const [key] of rows) {
          const [, , , from, id] = key.split("/");
          tx.del(key);
          tx.del(`replay/id/${from}/${id}`);
        }
      },
      { finishing: true },
    );
    if (rows.length === PRUNE_BATCH) await prune();
  };

  const start = (): void => {
    cancelPrune = deps.clock.after(PRUNE_MS, () => {
      start();
      prune().catch(deps.onError);
    });
  };

  return {
    /** The answer to a message that came already, or undefined. */
    answered(tx: Transaction, claims: EnvelopeClaims): Receipt | undefined {
      const before = tx.get(replayKey(claims));
      return before === undefined ? undefined : answerAgain(before);
    },

    /** Keeps the answer, and gives it back. */
    remember(tx: Transaction, claims: EnvelopeClaims, answer: Receipt): Receipt {
      tx.put(replayKey(claims), jsonText(answer));
      tx.put(expiryKey(claims), "");
      return answer;
    },

    /** Removes those whose envelopes can't be accepted any more. */
    prune,
    /** Prunes every now and then. */
    start,
    stop: (): void => cancelPrune?.(),
  };
}
