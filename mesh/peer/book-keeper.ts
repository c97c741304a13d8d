/** Keeps the peer book: what is known now and, for a month, what was known before. */
import { errorCode } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";
import type { KnownPeers } from "./known-peers.ts";
import type { Members } from "./members.ts";
import type { PeerBook, PeerBookEntry, PeerLog } from "./peer-node.ts";
import { BOOK_ENTRY_LIFETIME_MS, MAX_KNOWN_PEERS } from "./protocols.ts";

/** Changes within this time are saved together. */
const SAVE_DELAY_MS = 1_000;

/** Keeps the peer book. */
export interface BookKeeper {
  /** The entries that are young enough. A book that can't be read is an empty one: it only saves time. */
  load(): Promise<readonly PeerBookEntry[]>;
  /** Saves soon. */
  changed(): void;
  /** Leaves an agent out from now on. */
  forget(agentId: string): void;
  /** Saves now. */
  close(): Promise<void>;
}

/** A keeper of the given book. */
export function createBookKeeper(deps: { book: PeerBook; known: KnownPeers; members: Members; clock: Clock; log: PeerLog }): BookKeeper {
  let earlier: readonly PeerBookEntry[] = [];
  let cancelSave: (() => void) | undefined;

  function entries(): PeerBookEntry[] {
    const now = deps.clock.now();
    const merged = new Map(earlier.map((entry) => [entry.agentId, entry]));
    for (const { agentId, addresses, seenAt } of deps.known.all()) {
      merged.set(agentId, { agentId, addresses, seenAt: deps.members.has(agentId) ? now : seenAt });
    }
    return [...merged.values()]
      .filter((entry) => entry.seenAt > now - BOOK_ENTRY_LIFETIME_MS)
      .toSorted((a, b) => b.seenAt - a.seenAt)
      .slice(0, MAX_KNOWN_PEERS);
  }

  async function save(): Promise<void> {
    cancelSave?.();
    cancelSave = undefined;
    try {
      earlier = entries();
      await deps.book.save(earlier);
    } catch (error) {
      deps.log.warn({ code: errorCode(error) }, "the peer book could not be saved");
    }
  }

  function changed(): void {
    cancelSave ??= deps.clock.after(SAVE_DELAY_MS, () => void save());
  }

  return {
    async load() {
      try {
        earlier = await deps.book.load();
      } catch (error) {
        deps.log.warn({ code: errorCode(error) }, "the peer book could not be read");
      }
      earlier = earlier.filter((entry) => entry.seenAt > deps.clock.now() - BOOK_ENTRY_LIFETIME_MS).slice(0, MAX_KNOWN_PEERS);
      return earlier;
    },
    changed,
    forget(agentId) {
      earlier = earlier.filter((entry) => entry.agentId !== agentId);
      changed();
    },
    close: save,
  };
}
