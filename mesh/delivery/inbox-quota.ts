/**
 * How much one sender, and all together, may leave open in the inbox: items and the bytes that made them. What is open lies in the store, in the batch
 * that opens or closes it; the sums are kept in memory. Sans-IO. Source: spec M7; docs/delivery.md.
 */
import { GaggleError } from "../contract/errors.ts";
import type { OrderedStore, Transaction } from "../contract/ports.ts";
import { assertInvariant } from "./invariants.ts";

/** Quotas; sums may pass them by what is committed together. */
export interface QuotaConfig {
  readonly itemsPerSender: number;
  readonly items: number;
  readonly bytesPerSender: number;
  readonly bytes: number;
}

/** Items of the inbox that count. */
export type OpenKind = "task" | "approval" | "notification";

interface Sum {
  items: number;
  bytes: number;
}

/** The open items of an inbox. */
export interface InboxQuota {
  /** Takes up what the disk holds. */
  start(): Promise<void>;
  /** @throws GaggleError BUSY where a message of that size from that sender would pass a quota */
  assertRoom(from: string, bytes: number): void;
  /** An item came in. */
  opened(tx: Transaction, item: { kind: OpenKind; id: string; from: string; bytes: number }): void;
  /** Nothing more has to be done about an item; again, or for one that never counted, it changes nothing. */
  closed(tx: Transaction, kind: OpenKind, id: string): void;
  /** All open items; `full`: no sender may add one. */
  state(): { items: number; bytes: number; full: boolean };
}

const PREFIX = "inbox/open/";
const PAGE = 1_000;
const keyOf = (kind: OpenKind, id: string): string => `${PREFIX}${kind}/${id}`;

/** Makes it. */
export function createInboxQuota(store: OrderedStore, limits: QuotaConfig): InboxQuota {
  const senders = new Map<string, Sum>();
  const all: Sum = { items: 0, bytes: 0 };

  const add = (from: string, items: 1 | -1, bytes: number): void => {
    const sum = senders.get(from) ?? { items: 0, bytes: 0 };
    senders.set(from, sum);
    for (const one of [sum, all]) {
      one.items += items;
      one.bytes += items * bytes;
    }
    assertInvariant(sum.items >= 0 && sum.bytes >= 0, "inbox.sums");
    if (sum.items <= 0) senders.delete(from);
  };

  const busy = (whose: string): GaggleError =>
    new GaggleError("BUSY", `The inbox holds as many open items ${whose} as it may; finish or cancel some, or wait until they are done.`);

  return {
    async start() {
      for (let gte = PREFIX; ; ) {
        const rows = await store.range({ gte, lt: `${PREFIX}~`, limit: PAGE });
        for (const [, text] of rows) {
          const [from, bytes] = JSON.parse(text) as [string, number];
          add(from, 1, bytes);
        }
        const last = rows.at(-1);
        if (last === undefined || rows.length < PAGE) return;
        gte = `${last[0]}\0`;
      }
    },
    assertRoom(from, bytes) {
      const sum = senders.get(from) ?? { items: 0, bytes: 0 };
      if (sum.items + 1 > limits.itemsPerSender || sum.bytes + bytes > limits.bytesPerSender) throw busy("from this sender");
      if (all.items + 1 > limits.items || all.bytes + bytes > limits.bytes) throw busy("in all");
    },
    opened(tx, { kind, id, from, bytes }) {
      tx.put(keyOf(kind, id), JSON.stringify([from, bytes]));
      tx.afterCommit(() => add(from, 1, bytes));
    },
    closed(tx, kind, id) {
      const text = tx.get(keyOf(kind, id));
      if (text === undefined) return;
      const [from, bytes] = JSON.parse(text) as [string, number];
      tx.del(keyOf(kind, id));
      tx.afterCommit(() => add(from, -1, bytes));
    },
    state: () => ({ ...all, full: all.items >= limits.items || all.bytes >= limits.bytes }),
  };
}
