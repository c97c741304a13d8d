/** Taking messages back that surely did not arrive: by their sender's wish, or to give them to somebody else. */
import { GaggleError } from "../contract/errors.ts";
import type { Transaction } from "../contract/ports.ts";
import type { createHandOver } from "./hand-over.ts";
import { type OutboxEnds, recordOf } from "./outbox-ends.ts";
import { type OutboxRecord, queuedKey } from "./outbox-record.ts";
import type { Outbox, OutboxDeps } from "./outbox-types.ts";
import type { createOutboxView } from "./outbox-view.ts";
import type { SendStream } from "./send-stream.ts";

/** Makes it. @param config `keep` takes a message up again; `pump` sends what may go now */
export function createOutboxWithdraw(
  deps: Pick<OutboxDeps, "store" | "queue" | "isElsewhere" | "onWithdrawn">,
  config: {
    streams: ReadonlyMap<string, SendStream>;
    view: Pick<ReturnType<typeof createOutboxView>, "find">;
    handOver: Pick<ReturnType<typeof createHandOver>, "isMarked">;
    ends: Pick<OutboxEnds, "withdrawIn">;
    keep(record: OutboxRecord): void;
    pump(agentId: string): void;
  },
): Pick<Outbox, "takeBack" | "withdraw"> {
  const { streams, view, handOver, ends, keep, pump } = config;

  /** False where it must stay, since it was given to somebody else meanwhile (who is to be told), or left for elsewhere since it was looked at. */
  const withdrawIn = (tx: Transaction, waits: OutboxRecord): boolean => {
    if (tx.get(queuedKey(waits.seq)) === undefined) return false;
    if (deps.isElsewhere(tx, waits.id)) {
      tx.afterCommit(() => keep(waits));
      return false;
    }
    ends.withdrawIn(tx, waits);
    deps.onWithdrawn(tx, waits);
    return true;
  };

  return {
    takeBack(tx, { id, seq = view.find(id)?.entry.seq ?? 0 }) {
      const text = tx.get(queuedKey(seq));
      if (text === undefined || !handOver.isMarked(tx, { seq, id }) || deps.isElsewhere(tx, id)) return undefined;
      const waits = JSON.parse(text) as OutboxRecord;
      ends.withdrawIn(tx, waits);
      tx.afterCommit(() => {
        const stream = streams.get(waits.to.agentId);
        const entry = stream?.entries().get(seq);
        if (entry !== undefined && stream?.remove(entry) !== true) entry.isSettled = true;
        pump(waits.to.agentId);
      });
      return waits.message;
    },

    async withdraw(id) {
      const found = view.find(id);
      if (found === undefined) throw new GaggleError("NOT_FOUND", "No such message waits; `gaggle outbox` lists them.");
      const { agentId, stream, entry } = found;
      if (!entry.isWork)
        throw new GaggleError("STATE_CONFLICT", "This message continues something that its recipient knows, so it has to arrive.");
      const waits = recordOf(deps.store, entry);
      const isTried = entry.attempts > 0 || entry.maybeTried === true || deps.isElsewhere(deps.store, id);
      if (isTried || !stream.remove(entry)) return { withdrawn: false, record: waits };
      const withdrawn = await deps.queue.run((tx) => withdrawIn(tx, waits), { finishing: true });
      pump(agentId);
      return { withdrawn, record: waits };
    },
  };
}
