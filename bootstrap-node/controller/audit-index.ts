/** Which collected events are about which task, session, approval or envelope: an index beside the collected chains, written in the same batch. */
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import type { StatusReport } from "../../mesh/contract/controller-api.ts";
import type { OrderedStore, Transaction } from "../../mesh/contract/ports.ts";

/** A target such as `task:0192…`: kind and UUID. */
const ABOUT = /^[a-z-]+:([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})$/;
/** Events of one chain, and chains, that are looked at for one answer. */
const ROWS_PER_CHAIN = 500;
const MAX_CHAINS = 500;
const pad = (seq: number): string => String(seq).padStart(16, "0");
const prefix = (about: string): string => `collected/about/${about}/`;

/** Events about one id. */
export interface AuditIndex {
  /** Adds events of a chain, in the transition that stores them. */
  add(tx: Transaction, events: readonly AuditEvent[]): void;
  /** Forgets events that retention deletes, in the transition that does. */
  remove(tx: Transaction, events: readonly AuditEvent[]): void;
  /**
   * What is said about an id in all chains, oldest first, at most `limit`; `more` where there may be more.
   * @param shows whether an event is for whoever asks
   */
  about(id: string, limit: number, shows: (event: AuditEvent) => boolean): Promise<Pick<StatusReport, "events" | "more">>;
}

/** The id that an event is about; undefined where it is about something else. */
const aboutOf = ({ target }: AuditEvent): string | undefined => ABOUT.exec(target)?.[1];

/** Keeps the index in the node's store. @param config `eventOf` reads a collected event; undefined where it was pruned */
export function createAuditIndex(
  deps: { store: OrderedStore },
  config: { eventOf: (agentId: string, seq: number) => AuditEvent | undefined },
): AuditIndex {
  /** Chain by chain, each with its share of an answer, so that nobody hides others' events behind many of their own. */
  async function* chainsAbout(id: string): AsyncGenerator<(readonly [agentId: string, seq: number])[]> {
    const end = `${prefix(id)}~`;
    let from = prefix(id);
    for (let chains = 0; chains < MAX_CHAINS; chains++) {
      const [first] = await deps.store.range({ gte: from, lt: end, limit: 1 });
      const agentId = first?.[0].split("/")[3];
      if (agentId === undefined) return;
      const rows = await deps.store.range({ gte: `${prefix(id)}${agentId}/`, lt: `${prefix(id)}${agentId}/~`, limit: ROWS_PER_CHAIN });
      yield rows.map(([key]) => [agentId, Number(key.split("/")[4])] as const);
      from = `${prefix(id)}${agentId}/~`;
    }
  }

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
    async about(id, limit, shows) {
      const chains: AuditEvent[][] = [];
      let isCut = false;
      for await (const rows of chainsAbout(id)) {
        const events = rows.flatMap(([agentId, seq]) => config.eventOf(agentId, seq) ?? []).filter(shows);
        isCut ||= events.length > 0 && rows.length >= ROWS_PER_CHAIN;
        if (events.length > 0) chains.push(events);
      }
      const share = Math.ceil(limit / Math.max(1, chains.length));
      const isAll = chains.reduce((sum, { length }) => sum + length, 0) <= limit;
      const events = chains
        .flatMap((chain) => (isAll ? chain : chain.slice(0, share)))
        .toSorted((a, b) => Date.parse(a.ts) - Date.parse(b.ts));
      return {
        events: events.slice(0, limit).map(({ agentId, seq, ts, action, result, hash }) => ({ agentId, seq, ts, action, result, hash })),
        more: isCut || !isAll,
      };
    },
  };
}
