/**
 * Which requests were surely never handed over, across crashes: such a one may be given to somebody else. The fact lies on the disk as a mark while a
 * recipient can't be reached, and is taken off the disk before the first byte leaves; without a mark nothing is sure. Messages that leave at once
 * never have one, so they cost no further write. Source: docs/decisions/0098-next-candidate.md
 */
import { GaggleError } from "../contract/errors.ts";
import type { CommitQueue, OrderedStore, Transaction } from "../contract/ports.ts";
import { queuedKey } from "./outbox-record.ts";
import type { OutboxEntry } from "./send-stream.ts";

const unsentKey = (seq: number): string => queuedKey(seq).replace("/queued/", "/unsent/");

/** A message that may be taken back, or given to somebody else, as long as it was not handed over. */
export interface Movable {
  /** Number and id in the outbox. */
  readonly seq: number;
  readonly id: string;
  /** Task or session that it is about. */
  readonly ref: string;
}

/** Keeps the marks. */
export function createHandOver(deps: {
  readonly store: Pick<OrderedStore, "get">;
  readonly queue: CommitQueue;
  onError(error: unknown): void;
}) {
  const isMarked = (source: Pick<Transaction, "get">, { seq, id }: Pick<OutboxEntry, "seq" | "id">): boolean =>
    source.get(unsentKey(seq)) === id;

  const mark = (tx: Transaction, { seq, id }: Pick<OutboxEntry, "seq" | "id">): void => tx.put(unsentKey(seq), id);

  return {
    mark,
    isMarked,
    /** In the batch that takes a message off the outbox. */
    forget(tx: Transaction, seq: number): void {
      if (tx.get(unsentKey(seq)) !== undefined) tx.del(unsentKey(seq));
    },

    /** An entry that an earlier run of the daemon left. */
    takeUp(entry: OutboxEntry): void {
      if (!isMarked(deps.store, entry)) return;
      entry.unsent = true;
      [entry.maybeTried, entry.mayBeThere] = [false, false];
    },

    /**
     * The recipient of these can't be reached: marks those that surely were not handed over.
     * @returns all of them that have their mark, or will soon
     */
    unreached(entries: Iterable<OutboxEntry>): Movable[] {
      const sure = [...entries].filter((one) => one.movable !== undefined && one.handed !== true && one.maybeTried !== true);
      const fresh = sure.filter(({ unsent }) => unsent !== true);
      for (const entry of fresh) entry.unsent = true;
      if (fresh.length > 0)
        deps.queue
          .run(
            (tx) => {
              for (const entry of fresh) if (tx.get(queuedKey(entry.seq)) !== undefined) mark(tx, entry);
            },
            { finishing: true },
          )
          .catch(deps.onError);
      return sure.flatMap(({ seq, id, movable }) => (movable === undefined ? [] : [{ seq, id, ref: movable }]));
    },

    /**
     * The link is about to send the frame. Resolves once the disk no longer says that it was not handed over; undefined where it never said so.
     * @throws GaggleError STATE_CONFLICT where the message was given to somebody else meanwhile: then it must not go
     */
    begin(entry: OutboxEntry): Promise<void> | undefined {
      if (entry.unsent !== true) {
        [entry.handed, entry.left] = [true, true];
        return undefined;
      }
      return deps.queue.run(
        (tx) => {
          if (!isMarked(tx, entry)) throw new GaggleError("STATE_CONFLICT", "The message was given to somebody else before it was sent.");
          tx.del(unsentKey(entry.seq));
          tx.afterCommit(() => {
            [entry.unsent, entry.handed, entry.left] = [false, true, true];
          });
        },
        { finishing: true },
      );
    },
  };
}
