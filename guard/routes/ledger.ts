/** The books of an agent's model calls: by day, month, session and task, in tokens and money. Written in one batch with the call's audit event. */
import type { CommitQueue, OrderedStore, Transaction } from "../../mesh/contract/ports.ts";
import type { Usage } from "../../mesh/contract/usage.ts";
import { addTime } from "./latency-steps.ts";
import { dayRecord, EMPTY_DAY, ledgerKey, ledgerRange, readRecord, type SumKind, sumRecord } from "./ledger-record.ts";
import { type Period, periodOf } from "./periods.ts";
import { addCounts, addModel, addUsage, NO_CALLS } from "./usage-sum.ts";

/** Sessions and tasks that are kept, the newest ones, and days and months, counted back from today. */
export const LEDGER_LIMITS = { sessions: 2_000, tasks: 2_000, days: 100, months: 25, modelsADay: 50 } as const;

const DAY_MS = 86_400_000;
/** Where the models beyond the limit of a day are counted. */
const OTHER_MODELS = "other models";

/** One call, as it goes into the books. */
export interface LedgerEntry {
  readonly sessionId: string;
  /** The colleague's task that the session runs. */
  readonly taskId?: string;
  /** Model that was asked for upstream. */
  readonly model: string;
  readonly usage: Usage;
  readonly redactions: Readonly<Record<string, number>>;
  /** Class of what it was refused for; `none` for refusals of no class. */
  readonly refusedClass?: string;
  /** Time that the guard itself took, in milliseconds. */
  readonly guardMs?: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** The books. */
export interface Ledger {
  /** Enters a call; for use within the transition that records its audit event. */
  book(tx: Transaction, entry: LedgerEntry): void;
  /** This agent's own usage in the period that a time is in. */
  spent(period: Period, nowMs: number): Usage;
  /** Forgets what is beyond {@link LEDGER_LIMITS}. */
  prune(nowMs: number): Promise<void>;
}

/** Opens the books over the daemon's store. */
export function createLedger({ store, queue }: { store: OrderedStore; queue: CommitQueue }): Ledger {
  const bookDay = (tx: Transaction, entry: LedgerEntry): void => {
    const key = ledgerKey("day", periodOf("day", tx.now));
    const text = tx.get(key);
    const day = text === undefined ? EMPTY_DAY : readRecord(dayRecord, text);
    const hasRoom = day.models.length < LEDGER_LIMITS.modelsADay || day.models.some(({ model }) => model === entry.model);
    const next: typeof day = {
      v: 1,
      usage: addUsage(day.usage, entry.usage),
      models: addModel(day.models, hasRoom ? entry.model : OTHER_MODELS, entry.usage),
      redactions: addCounts(day.redactions, entry.redactions),
      refusals: addCounts(day.refusals, entry.refusedClass === undefined ? {} : { [entry.refusedClass]: 1 }),
      latency: [...(entry.guardMs === undefined ? day.latency : addTime(day.latency, entry.guardMs))],
      cacheHits: day.cacheHits + entry.cacheHits,
      cacheMisses: day.cacheMisses + entry.cacheMisses,
    };
    tx.put(key, JSON.stringify(next));
  };

  const bookSum = (tx: Transaction, kind: SumKind, name: string, { usage, taskId }: LedgerEntry): void => {
    const key = ledgerKey(kind, name);
    const text = tx.get(key);
    const before = text === undefined ? NO_CALLS : readRecord(sumRecord, text).usage;
    const lastAt = new Date(tx.now).toISOString();
    const link = kind === "session" && taskId !== undefined ? { taskId } : {};
    tx.put(key, JSON.stringify({ v: 1, usage: addUsage(before, usage), lastAt, ...link }));
  };

  /** The oldest sums beyond `limit`. */
  const beyond = async (kind: SumKind, limit: number): Promise<string[]> => {
    const rows = await store.range(ledgerRange(kind));
    if (rows.length <= limit) return [];
    const dated = rows.map(([key, text]) => ({ key, at: readRecord(sumRecord, text).lastAt }));
    return dated
      .toSorted((a, b) => (a.at < b.at ? 1 : -1))
      .map(({ key }) => key)
      .slice(limit);
  };
  const before = async (kind: "day" | "month", oldest: string): Promise<string[]> =>
    (await store.range({ gte: ledgerRange(kind).gte, lt: ledgerKey(kind, oldest) })).map(([key]) => key);

  return {
    book(tx, entry) {
      bookDay(tx, entry);
      bookSum(tx, "month", periodOf("month", tx.now), entry);
      bookSum(tx, "session", entry.sessionId, entry);
      if (entry.taskId !== undefined) bookSum(tx, "task", entry.taskId, entry);
    },
    spent(period, nowMs) {
      const text = store.get(ledgerKey(period, periodOf(period, nowMs)));
      if (text === undefined) return NO_CALLS;
      return period === "day" ? readRecord(dayRecord, text).usage : readRecord(sumRecord, text).usage;
    },
    async prune(nowMs) {
      const keys = [
        ...(await beyond("session", LEDGER_LIMITS.sessions)),
        ...(await beyond("task", LEDGER_LIMITS.tasks)),
        ...(await before("day", periodOf("day", nowMs - LEDGER_LIMITS.days * DAY_MS))),
        ...(await before("month", periodOf("month", nowMs - LEDGER_LIMITS.months * 31 * DAY_MS))),
      ];
      const forget = (tx: Transaction): void => {
        for (const key of keys) tx.del(key);
      };
      if (keys.length > 0) await queue.run(forget, { finishing: true });
    },
  };
}
