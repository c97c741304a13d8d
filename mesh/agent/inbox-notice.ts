/** What a chat is told at its end about the inbox: which items wait that nobody was shown yet. Each item once, and no text of a colleague's. */
import type { DaemonResult, InboxItem } from "../contract/daemon-api.ts";
import type { CommitQueue, OrderedStore, Transaction } from "../contract/ports.ts";

/** What it needs. */
export interface InboxNoticeDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  /** What waits in the inbox. */
  waiting(): Promise<DaemonResult<"inbox.list">>;
}

/** Tells of waiting items. */
export interface InboxNotice {
  /** The text to tell, or undefined where nothing new waits. What it names counts as told from then on. */
  next(): Promise<string | undefined>;
  /** A Goose or a person has seen these items, so nobody is told of them again. */
  saw(items: readonly InboxItem[]): Promise<void>;
}

const PREFIX = "goose/told/";
/** Items named in one notice; the others are counted. */
const MAX_NAMED = 10;

const idOf = (item: InboxItem): string => (item.kind === "task" ? item.taskId : item.kind === "approval" ? item.approvalId : item.id);

/** One line of an item: kind, id, sender, skill. Subject, role and skill are slugs of the signed bundle; nothing here was written by the sender. */
function line(item: InboxItem): string {
  const about = item.kind === "task" && item.skill !== undefined ? `, skill ${item.skill}` : "";
  return `- ${item.kind} ${idOf(item)} from ${item.peer.subject} (${item.peer.role})${about}`;
}

function textOf(items: readonly InboxItem[]): string {
  const more = items.length > MAX_NAMED ? [`- and ${items.length - MAX_NAMED} more`] : [];
  return [
    "New in the inbox of your person, from colleagues:",
    ...items.slice(0, MAX_NAMED).map(line),
    ...more,
    "Tell your person in one sentence. Read an item with mesh__read_inbox_item only if they ask for it, then end your turn.",
  ].join("\n");
}

/** Makes it. */
export function createInboxNotice({ store, queue, waiting }: InboxNoticeDeps): InboxNotice {
  return {
    async next() {
      const { items } = await waiting();
      const still = new Set(items.map(idOf));
      const told = (await store.range({ gte: PREFIX, lt: "goose/told0" })).map(([key]) => key);
      const over = told.filter((key) => !still.has(key.slice(PREFIX.length)));
      if (over.length === 0 && still.size === told.length) return undefined;
      const fresh = await queue.run((tx) => {
        for (const key of over) tx.del(key);
        // Asked here, so that of two chats that end at once only one tells of an item.
        const untold = items.filter((item) => tx.get(PREFIX + idOf(item)) === undefined);
        for (const item of untold) tx.put(PREFIX + idOf(item), "1");
        return untold;
      });
      return fresh.length === 0 ? undefined : textOf(fresh);
    },
    async saw(items) {
      const untold = items.map(idOf).filter((id) => store.get(PREFIX + id) === undefined);
      if (untold.length === 0) return;
      const remember = (tx: Transaction): void => {
        for (const id of untold) tx.put(PREFIX + id, "1");
      };
      await queue.run(remember, { finishing: true });
    },
  };
}
