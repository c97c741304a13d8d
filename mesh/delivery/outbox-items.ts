/** Reading the outbox from the disk, and showing its messages. */
import type { OutboxItem } from "../contract/daemon-api.ts";
import type { OrderedStore } from "../contract/ports.ts";
import type { OutboxRecord } from "./outbox-record.ts";

/** Records read from the disk at once. */
const PAGE = 500;

/** A message as the daemon's API shows it. */
export const toItem = (record: OutboxRecord, { attempts, lastError }: { attempts: number; lastError?: string }): OutboxItem => ({
  id: record.id,
  to: record.to.agentId,
  type: record.message.type,
  priority: record.priority,
  attempts,
  createdAt: new Date(record.createdAt).toISOString(),
  ...(lastError === undefined ? {} : { lastError }),
});

/** All values of a range, page by page, so that a full outbox never lies in memory as a whole. */
export async function* pages(store: OrderedStore, range: { gte: string; lt: string }): AsyncGenerator<string[]> {
  for (let gte = range.gte; ; ) {
    const rows = await store.range({ gte, lt: range.lt, limit: PAGE });
    yield rows.map(([, text]) => text);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    gte = `${last[0]}\0`;
  }
}
