/** The peer book in the daemon's store. A crash may lose the newest addresses; they are learned again. */
import { z } from "zod";
import { agentId } from "../contract/ids.ts";
import type { OrderedStore } from "../contract/ports.ts";
import type { PeerBook } from "./peer-node.ts";
import { addressText } from "./hello-wire.ts";
import { MAX_ADDRESSES } from "./protocols.ts";

const KEY = "peer/book";
const entries = z.array(z.strictObject({ agentId, addresses: z.array(addressText).max(MAX_ADDRESSES), seenAt: z.int() }));

/** A peer book under one key of the store; one that is malformed counts as empty. */
export function createStoredPeerBook(store: Pick<OrderedStore, "get" | "batch">): PeerBook {
  return {
    async load() {
      const parsed = entries.safeParse(JSON.parse(store.get(KEY) ?? "[]"));
      return parsed.success ? parsed.data : [];
    },
    save: (next) => store.batch([{ type: "put", key: KEY, value: JSON.stringify(next) }], { sync: false }),
  };
}
