/** Which tasks and approvals belong to a session of this agent. */
import { sha256Hex } from "../contract/json.ts";
import type { OrderedStore, Transaction } from "../contract/ports.ts";

/** Session ids come from outside and may hold anything; their hash makes a plain key. */
const prefixOf = (sessionId: string): string => `session/${sha256Hex(sessionId)}/`;

/** Adds an item to its session, where it has one. */
export function indexSession(tx: Transaction, sessionId: string | undefined, kind: "task" | "approval", id: string): void {
  if (sessionId !== undefined) tx.put(`${prefixOf(sessionId)}${kind}/${id}`, "");
}

/** The ids of a session's items, oldest first. */
export async function listSession(store: OrderedStore, sessionId: string): Promise<{ kind: "task" | "approval"; id: string }[]> {
  const prefix = prefixOf(sessionId);
  const rows = await store.range({ gte: prefix, lt: `${prefix}~` });
  return rows.map(([key]) => {
    const [kind, id] = key.slice(prefix.length).split("/") as ["task" | "approval", string];
    return { kind, id };
  });
}
