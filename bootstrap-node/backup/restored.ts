/** What a restored node knows of its restore, and what follows from it. */
import { z } from "zod";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { CommitQueue, OrderedStore, StoreOp } from "../../mesh/contract/ports.ts";
import { ownEvent, type OwnIdentity } from "../own-event.ts";

const KEY = "node/restored";

const mark = z.strictObject({ at: z.int(), backupAt: z.iso.datetime(), recorded: z.boolean() });

/** Marks a store as restored at a time (ms since the epoch) from a backup of another. */
export const restoreMark = ({ at, backupAt }: { at: number; backupAt: string }): StoreOp => ({
  type: "put",
  key: KEY,
  value: JSON.stringify({ at, backupAt, recorded: false } satisfies z.infer<typeof mark>),
});

/**
 * When the store was restored, ms since the epoch; undefined where it never was. The node's own chain goes on where the backup's ended, which says at
 * that very place that the node was restored: whoever holds later events of before sees why they differ.
 */
export async function noteRestore(deps: {
  store: Pick<OrderedStore, "get">;
  queue: CommitQueue;
  own: OwnIdentity;
}): Promise<number | undefined> {
  const text = deps.store.get(KEY);
  if (text === undefined) return undefined;
  const { at, backupAt, recorded } = parseAs(mark, parseJson(text, "The mark of a restore"), "The mark of a restore");
  if (recorded) return at;
  await deps.queue.run(
    (tx) => {
      tx.put(KEY, JSON.stringify({ at, backupAt, recorded: true } satisfies z.infer<typeof mark>));
      tx.audit(ownEvent(deps.own, { action: "node.restore", target: "node:restored", result: "ok", details: { backupAt } }));
    },
    { finishing: true },
  );
  return at;
}
