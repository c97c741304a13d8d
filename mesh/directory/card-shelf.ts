/** Agents' cards in the daemon's store, so that colleagues who are offline are still known after a restart. */
import { z } from "zod";
import { principal } from "../contract/identity.ts";
import { slug } from "../contract/ids.ts";
import type { OrderedStore } from "../contract/ports.ts";

/** An agent as it was last seen. `lastSeenAt` in ms since the epoch. */
export const knownAgent = z.strictObject({
  principal,
  skills: z.array(z.strictObject({ id: slug, description: z.string().max(300) })).max(100),
  lastSeenAt: z.int().min(0),
});
/** An agent as it was last seen. */
export type KnownAgent = z.infer<typeof knownAgent>;

/** Where the directory keeps agents across restarts. */
export interface CardShelf {
  load(): Promise<KnownAgent[]>;
  save(agent: KnownAgent): Promise<void>;
  remove(agentId: string): Promise<void>;
}

const PREFIX = "directory/agent/";

/** A shelf with one key an agent. Entries that are malformed are left out: hello brings them anew. */
export function createCardShelf(store: Pick<OrderedStore, "range" | "batch">): CardShelf {
  return {
    async load() {
      const pairs = await store.range({ gte: PREFIX, lt: "directory/agent0" });
      return pairs.flatMap(([, value]) => {
        const parsed = knownAgent.safeParse(JSON.parse(value));
        return parsed.success ? [parsed.data] : [];
      });
    },
    save: (agent) => store.batch([{ type: "put", key: PREFIX + agent.principal.agentId, value: JSON.stringify(agent) }], { sync: false }),
    remove: (agentId) => store.batch([{ type: "del", key: PREFIX + agentId }], { sync: false }),
  };
}
