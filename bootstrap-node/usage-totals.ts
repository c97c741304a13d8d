/** What model calls used in the whole organisation, counted from the collected audit chains as they come in. Source: spec G7; docs/decisions/0066. */
import { formatUsd, parseUsd } from "../mesh/contract/money.ts";
import { addTokens } from "../guard/routes/organisation-usage.ts";
import { periodOf } from "../guard/routes/periods.ts";
import type { AuditEvent } from "../mesh/contract/audit.ts";
import type { Principal } from "../mesh/contract/identity.ts";
import { parseAs, parseJson } from "../mesh/contract/json.ts";
import type { Clock, CommitQueue, OrderedStore, Transaction } from "../mesh/contract/ports.ts";
import { type PeriodTotals, type Spent, spent, usdAmount, type UsageTotals } from "../mesh/contract/usage.ts";

/** Events that cost something. A run's end repeats what its calls have cost, so it is not one. */
const COSTLY = new Set(["model.call", "guard.refuse"]);
const DAY_MS = 86_400_000;
/** Days and months that are kept. */
const KEEP_MS = { day: 40 * DAY_MS, month: 400 * DAY_MS } as const;

/** Whose usage a counter sums up; `own` is one agent's. */
type Counter = "tenant" | "department" | "role" | "agent" | "own";

const NOTHING: Spent = { usd: "0", tokens: 0 };
const COUNTERS: readonly Counter[] = ["tenant", "department", "role", "agent", "own"];

const counterKey = (period: string, counter: Counter, name: string): string => `usage/${period}/${counter}/${encodeURIComponent(name)}`;

/** The organisation's usage by day and month. */
export interface UsageCounters {
  /** Counts new events of a member, in the transition that stores them: so each is counted once. */
  count(tx: Transaction, member: Principal, events: readonly AuditEvent[]): void;
  /** The totals of today and this month that concern a member. */
  totals(member: Principal): UsageTotals;
  /** Forgets what is older than 40 days, and months older than 400. */
  prune(): Promise<void>;
}

/** Opens the counters over the node's store. */
export function createUsageCounters(
  deps: { store: OrderedStore; queue: CommitQueue; clock: Pick<Clock, "now"> },
  { org }: { org: string },
): UsageCounters {
  const namesOf = ({ department, role, subject, agentId }: Principal): Record<Counter, string> => {
    return { tenant: org, department, role, agent: subject, own: agentId };
  };
  const read = (text: string | undefined): Spent =>
    text === undefined ? NOTHING : parseAs(spent, parseJson(text, "A counter"), "A counter");

  const add = (tx: Transaction, member: Principal, period: string, cost: Spent): void => {
    const names = namesOf(member);
    for (const counter of COUNTERS) {
      const key = counterKey(period, counter, names[counter]);
      tx.put(key, JSON.stringify(sum(read(tx.get(key)), cost)));
    }
  };

  const totalsOf = (member: Principal, period: string): PeriodTotals => {
    const names = namesOf(member);
    const of = (counter: Counter): Spent => read(deps.store.get(counterKey(period, counter, names[counter])));
    return { period, tenant: of("tenant"), department: of("department"), role: of("role"), agent: of("agent"), own: of("own") };
  };

  return {
    count(tx, member, events) {
      for (const [period, cost] of costsByPeriod(events)) add(tx, member, period, cost);
    },
    totals(member) {
      const now = deps.clock.now();
      return { day: totalsOf(member, periodOf("day", now)), month: totalsOf(member, periodOf("month", now)) };
    },
    async prune() {
      const now = deps.clock.now();
      const oldest = { 10: periodOf("day", now - KEEP_MS.day), 7: periodOf("month", now - KEEP_MS.month) } as Record<number, string>;
      const rows = await deps.store.range({ gte: "usage/", lt: `usage/${periodOf("day", now)}` });
      const old = rows.map(([key]) => key).filter((key) => isBefore(key.split("/")[1] ?? "", oldest));
      const forget = (tx: Transaction): void => {
        for (const key of old) tx.del(key);
      };
      if (old.length > 0) await deps.queue.run(forget, { finishing: true });
    },
  };
}

/** @param oldest the oldest period that is kept, by the length of its name */
const isBefore = (period: string, oldest: Readonly<Record<number, string>>): boolean => period < (oldest[period.length] ?? "");

const sum = (a: Spent, b: Spent): Spent => ({ usd: formatUsd(parseUsd(a.usd) + parseUsd(b.usd)), tokens: addTokens(a.tokens, b.tokens) });

/** What events cost in each day and month; what costs nothing is left out. */
function costsByPeriod(events: readonly AuditEvent[]): Map<string, Spent> {
  const costs = new Map<string, Spent>();
  for (const { action, cost, ts } of events) {
    const usd = usdAmount.safeParse(cost.usd);
    const used: Spent = { usd: usd.success ? usd.data : "0", tokens: cost.tokens };
    if (!COSTLY.has(action) || (used.tokens === 0 && parseUsd(used.usd) === 0n)) continue;
    const at = Date.parse(ts);
    for (const period of [periodOf("day", at), periodOf("month", at)]) costs.set(period, sum(costs.get(period) ?? NOTHING, used));
  }
  return costs;
}
