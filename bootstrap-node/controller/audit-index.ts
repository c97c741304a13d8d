/** Which collected events are about which task, session, approval or envelope: an index beside the collected chains, written in the same batch. */
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import type { StatusReport } from "../../mesh/contract/controller-api.ts";
import type { OrderedStore, Transaction } from "../../mesh/contract/ports.ts";

/** A target such as `task:0192…`: kind and UUID. */
const ABOUT = /^[a-z-]+:([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})$/;
const pad = (seq: number): string => String(seq).padStart(16, "0");
const prefix = (about: string): string => `collected/about/${about}/`;

/** Events about one id. */
export interface AuditIndex {
  /** Adds events of a chain, in the transition that stores them. */
  add(tx: Transaction, events: readonly AuditEvent[]): void;
  /** Forgets events that retention deletes, in the transition that does. */
  remove(tx: Transaction, events: readonly AuditEvent[]): void;
  /** What is said about an id in all chains, oldest first, at most `limit`; `more` where there is more. */
  about(id: string, limit: number): Promise<Pick<StatusReport, "events" | "more">>;
}

/** The id that an event is about; undefined where it is about something else. */
const aboutOf = ({ target }: AuditEvent): string | undefined => ABOUT.exec(target)?.[1];

/** Keeps the index in the node's store. @param config `eventOf` reads a collected event; undefined where it was pruned */
export function createAuditIndex(
  deps: { store: OrderedStore },
  config: { eventOf: (agentId: string, seq: number) => AuditEvent | undefined },
): AuditIndex {
  return {
    add(tx, events) {
      for (const event of events) {
        const about = aboutOf(event);
        if (about !== undefined) tx.put(`${prefix(about)}${event.agentId}/${pad(event.seq)}`, "");
      }
    },
    remove(tx, events) {
      for (const event of events) {
        const about = aboutOf(event);
        if (about !== undefined) tx.del(`${prefix(about)}${event.agentId}/${pad(event.seq)}`);
      }
    },
    async about(id, limit) {
      const rows = await deps.store.range({ gte: prefix(id), lt: `${prefix(id)}~`, limit: limit + 1 });
      const events = rows.slice(0, limit).flatMap(([key]) => {
        const [, , , agentId = "", seq = ""] = key.split("/");
        const event = config.eventOf(agentId, Number(seq));
        if (event === undefined) return [];
        const { ts, action, result, hash } = event;
        return [{ agentId, seq: event.seq, ts, action, result, hash }];
      });
      return { events: events.toSorted((a, b) => Date.parse(a.ts) - Date.parse(b.ts)), more: rows.length > limit };
    },
  };
}
