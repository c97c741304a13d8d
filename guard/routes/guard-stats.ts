/** What `gaggle guard stats` shows, from the ledger. Source: mesh/contract/usage.ts. */
import type { OrderedStore } from "../../mesh/contract/ports.ts";
import { type BudgetState, type GuardStats, guardStats } from "../../mesh/contract/usage.ts";
import type { BreakerState } from "../../mesh/resilience/circuit-breaker.ts";
import { addSteps, percentiles } from "./latency-steps.ts";
import {
  type DayRecord,
  dayRecord,
  EMPTY_DAY,
  ledgerKey,
  ledgerRange,
  nameInKey,
  readRecord,
  sumRecord,
  type SumKind,
} from "./ledger-record.ts";
import { periodOf } from "./periods.ts";
import { addCounts, addModel, addUsage } from "./usage-sum.ts";

const DAY_MS = 86_400_000;
/** Sessions and tasks that are shown. */
const SHOWN = 50;

/** What stands beside the ledger. */
export interface StatsNow {
  readonly nowMs: number;
  readonly budgets: readonly BudgetState[];
  readonly breakers: readonly { readonly name: string; readonly state: BreakerState }[];
}

/** Reads the statistics of the last `days` days, today included. */
export async function readGuardStats(store: OrderedStore, days: number, { nowMs, budgets, breakers }: StatsNow): Promise<GuardStats> {
  const since = periodOf("day", nowMs - (days - 1) * DAY_MS);
  const rows = await store.range({ ...ledgerRange("day"), gte: ledgerKey("day", since) });
  const dated = rows.map(([key, text]) => ({ day: nameInKey(key), record: readRecord(dayRecord, text) }));
  const all = dated.map(({ record }) => record).reduce(addDays, EMPTY_DAY);
  const sums = async (kind: SumKind) => newest(await store.range(ledgerRange(kind)), since);
  return guardStats.parse({
    since,
    total: all.usage,
    redactions: countList(all.redactions),
    refusals: countList(all.refusals),
    latencyMs: percentiles(all.latency),
    cache: { hits: all.cacheHits, misses: all.cacheMisses },
    byDay: dated.map(({ day, record }) => ({ day, ...record.usage })).toReversed(),
    bySession: (await sums("session")).map(({ name, taskId, lastAt, usage }) => ({ sessionId: name, ...taskId, lastAt, ...usage })),
    byTask: (await sums("task")).map(({ name, lastAt, usage }) => ({ taskId: name, lastAt, ...usage })),
    byModel: all.models.toSorted((a, b) => b.calls - a.calls),
    budgets,
    upstreams: breakers.map(({ name, state: { state, retryAtMs } }) => ({
      name,
      state,
      ...(retryAtMs === undefined ? {} : { retryAt: new Date(retryAtMs).toISOString() }),
    })),
  });
}

const addDays = (a: DayRecord, b: DayRecord): DayRecord => ({
  v: 1,
  usage: addUsage(a.usage, b.usage),
  models: b.models.reduce((sum: DayRecord["models"], { model, ...usage }) => addModel(sum, model, usage), a.models),
  redactions: addCounts(a.redactions, b.redactions),
  refusals: addCounts(a.refusals, b.refusals),
  latency: [...addSteps(a.latency, b.latency)],
  cacheHits: a.cacheHits + b.cacheHits,
  cacheMisses: a.cacheMisses + b.cacheMisses,
});

/** The newest sums since a day. */
function newest(rows: readonly [key: string, text: string][], since: string) {
  return rows
    .map(([key, text]) => ({ name: nameInKey(key), ...readRecord(sumRecord, text) }))
    .filter(({ lastAt }) => lastAt >= since)
    .toSorted((a, b) => (a.lastAt < b.lastAt ? 1 : -1))
    .slice(0, SHOWN)
    .map(({ name, taskId, lastAt, usage }) => ({ name, taskId: taskId === undefined ? {} : { taskId }, lastAt, usage }));
}

const countList = (counts: Readonly<Record<string, number>>): { class: string; count: number }[] =>
  Object.entries(counts)
    .map(([name, count]) => ({ class: name, count }))
    .toSorted((a, b) => b.count - a.count);
