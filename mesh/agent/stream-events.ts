/** The audit events of this agent for one subscriber: first those on the disk, then each new one as it comes. */
import type { AuditChain } from "../audit/chain.ts";
import type { AuditEvent } from "../contract/audit.ts";
import type { DaemonConnection } from "../contract/daemon-api.ts";

/** Events read from the disk at once. */
const PAGE = 500;

/** Sends every event from `fromSeq` on, in order and without a gap, until the connection ends. */
export function streamEvents(chain: Pick<AuditChain, "head" | "list" | "subscribe">, fromSeq: number, connection: DaemonConnection): void {
  let next = fromSeq;
  let live = false;
  let closed = false;
  let fresh: AuditEvent[] = [];

  const send = (events: readonly AuditEvent[]): void => {
    for (const event of events) {
      connection.notify("audit.event", event);
      next = event.seq + 1;
    }
  };
  const sendFresh = (): void => {
    const events = fresh;
    fresh = [];
    send(events);
  };
  const catchUp = async (): Promise<void> => {
    while (!closed && chain.head().seq >= next) send(await chain.list({ fromSeq: next, limit: PAGE }));
    live = true;
  };

  const unsubscribe = chain.subscribe((event) => {
    // Until the subscriber has caught up, new events are read from the disk after the older ones.
    if (!live || event.seq < next) return;
    // Not at once: what the commit itself sets off, such as sending a message, goes before telling about it.
    if (fresh.push(event) === 1) setImmediate(sendFresh);
  });
  connection.onClose(() => {
    closed = true;
    unsubscribe();
  });
  // Only the store can fail here, and then the daemon ends; the subscriber asks again by number.
  void catchUp().catch(() => undefined);
}
