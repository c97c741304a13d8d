/** Index of what came in: everything, and what waits for this agent's person. The records themselves lie elsewhere. */
import type { OrderedStore, Transaction } from "../contract/ports.ts";

/** Kinds of inbox items. */
export type InboxKind = "task" | "approval" | "notification";

/** Where an item's record lies. */
export interface InboxEntry {
  readonly kind: InboxKind;
  readonly id: string;
  readonly createdAt: number;
}

const keyOf = (list: "all" | "waiting", { kind, id, createdAt }: InboxEntry): string =>
  `inbox/${list}/${createdAt.toString().padStart(16, "0")}/${kind}/${id}`;

/** Keeps an item in the index; `waiting`: a person has to do something. */
export function indexItem(tx: Transaction, entry: InboxEntry, waiting: boolean): void {
  tx.put(keyOf("all", entry), "");
  if (waiting) tx.put(keyOf("waiting", entry), "");
  else tx.del(keyOf("waiting", entry));
}

/** The newest items first. */
export async function listItems(store: OrderedStore, query: { waiting: boolean; kind?: InboxKind; limit: number }): Promise<InboxEntry[]> {
  const list = `inbox/${query.waiting ? "waiting" : "all"}/`;
  const entries: InboxEntry[] = [];
  let lt = `${list}~`;
  while (entries.length < query.limit) {
    const rows = await store.range({ gte: list, lt, limit: 500, reverse: true });
    for (const [key] of rows) {
      const [, , createdAt, kind, id] = key.split("/") as [string, string, string, InboxKind, string];
      if (query.kind === undefined || query.kind === kind) entries.push({ kind, id, createdAt: Number(createdAt) });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < 500) break;
    [lt] = last;
  }
  return entries.slice(0, query.limit);
}
