/** Cards in the daemon's store, so that colleagues who are off are still known after a restart. Each is checked anew when it is loaded. */
import type { OrderedStore } from "../contract/ports.ts";
import type { VerifiedCard } from "./signed-card.ts";

const PREFIX = "directory/card/";

/** Where cards are kept. */
export interface CardStore {
  /** All cards as they were kept, unchecked. */
  load(): Promise<unknown[]>;
  /** Writes without a sync: what a crash loses is learned again. */
  save(card: VerifiedCard): Promise<void>;
  remove(agentId: string): Promise<void>;
}

const parse = (text: string): unknown[] => {
  try {
    return [JSON.parse(text)];
  } catch {
    // Whatever it was, its agent has a newer one.
    return [];
  }
};

/** Cards under one key each. */
export const createCardStore = (store: Pick<OrderedStore, "range" | "batch">): CardStore => ({
  async load() {
    const pairs = await store.range({ gte: PREFIX, lt: "directory/card0" });
    return pairs.flatMap(([, value]) => parse(value));
  },
  save: ({ card, facts }) => store.batch([{ type: "put", key: PREFIX + facts.agentId, value: JSON.stringify(card) }], { sync: false }),
  remove: (agentId) => store.batch([{ type: "del", key: PREFIX + agentId }], { sync: false }),
});
