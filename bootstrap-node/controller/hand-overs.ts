/**
 * Sealed envelopes that were handed over for a task, a session or an approval: the mailbox keeps them, and this remembers under which id, so that
 * whoever takes part can ask what became of them. Nothing here knows what is in them. Source: spec P6; docs/decisions/0115-controller-routes-stay-blind.md
 */
import { z } from "zod";
import type { HandOver, StatusReport } from "../../mesh/contract/controller-api.ts";
import { agentId, uuid } from "../../mesh/contract/ids.ts";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import { REPLAY_GRACE_MS } from "../../mesh/contract/limits.ts";
import type { Clock, CommitQueue, OrderedStore, Transaction } from "../../mesh/contract/ports.ts";
import { type Deposit, readDeposit } from "../mailbox/deposits.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";

/** What was handed over. */
export type HandOverKind = "task" | "session" | "approval";

const handOverRecord = z.strictObject({
  kind: z.enum(["task", "session", "approval"]),
  id: uuid,
  from: agentId,
  to: z.array(agentId),
  at: z.int(),
  expiresAt: z.int(),
});
type HandOverRecord = z.infer<typeof handOverRecord>;

/** Records forgotten in one transition. */
const PRUNE_BATCH = 500;
const pad = (ms: number): string => String(ms).padStart(16, "0");
const recordKey = (about: string, { from, id }: Pick<HandOverRecord, "from" | "id">): string => `handover/about/${about}/${from}/${id}`;
const untilKey = (about: string, record: HandOverRecord): string =>
  `handover/until/${pad(record.expiresAt + REPLAY_GRACE_MS)}/${about}/${record.from}/${record.id}`;

/** Hand-overs of the organisation. */
export interface HandOvers {
  /** Keeps envelopes, durably and all or none. @throws GaggleError as the mailbox's deposit */
  keep(kind: HandOverKind, by: Principal, request: HandOver): Promise<{ id: string; deposits: { id: string; stamp: string }[] }>;
  /** What was handed over under an id. */
  of(about: string): Promise<StatusReport["deposits"]>;
  /** Forgets what expired more than a day ago. */
  prune(): Promise<void>;
}

/** Keeps hand-overs in the node's store, beside the mailbox. */
export function createHandOvers(deps: {
  store: OrderedStore;
  queue: CommitQueue;
  clock: Pick<Clock, "now">;
  mailbox: Pick<Mailbox, "depositAll">;
}): HandOvers {
  const remember = (tx: Transaction, kind: HandOverKind, about: string, deposit: Deposit, to: readonly string[]): void => {
    const { id, from, expiresAt } = deposit;
    const record: HandOverRecord = { kind, id, from, to: [...to], at: tx.now, expiresAt };
    if (tx.get(recordKey(about, record)) !== undefined) return;
    tx.put(recordKey(about, record), JSON.stringify(record));
    tx.put(untilKey(about, record), "");
  };

  const stateOf = (record: HandOverRecord): StatusReport["deposits"][number] => {
    const waitingFor = [...(readDeposit(deps.store, record.from, record.id)?.left ?? [])];
    const gone = deps.clock.now() > record.expiresAt ? "expired" : "settled";
    const { at, expiresAt, ...rest } = record;
    const times = { depositedAt: new Date(at).toISOString(), expiresAt: new Date(expiresAt).toISOString() };
    return { ...rest, ...times, waitingFor, state: waitingFor.length > 0 ? "waiting" : gone };
  };

  return {
    async keep(kind, by, { id: about, deposits }) {
      const kept = await deps.mailbox.depositAll(by, deposits, (tx, done) => {
        for (const [at, deposit] of done.entries()) remember(tx, kind, about, deposit, deposits[at]?.to ?? []);
      });
      return { id: about, deposits: kept.map(({ id, stamp }) => ({ id, stamp })) };
    },
    async of(about) {
      const rows = await deps.store.range({ gte: `handover/about/${about}/`, lt: `handover/about/${about}/~` });
      return rows.map(([, text]) => stateOf(parseAs(handOverRecord, parseJson(text, "A hand-over"), "A hand-over")));
    },
    async prune() {
      const old = { gte: "handover/until/", lt: `handover/until/${pad(deps.clock.now())}`, limit: PRUNE_BATCH };
      for (;;) {
        const rows = await deps.store.range(old);
        if (rows.length === 0) return;
        const forget = (tx: Transaction): void => {
          for (const [key] of rows) {
            const [, , , about = "", from = "", id = ""] = key.split("/");
            tx.del(key);
            tx.del(recordKey(about, { from, id }));
          }
        };
        await deps.queue.run(forget, { finishing: true });
      }
    },
  };
}
