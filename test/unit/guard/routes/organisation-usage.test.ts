import { beforeEach, describe, expect, it } from "vitest";
import { createOrganisationUsage, type OrganisationUsage } from "../../../../guard/routes/organisation-usage.ts";
import { parseUsd } from "../../../../mesh/contract/money.ts";
import { NO_CALLS } from "../../../../guard/routes/usage-sum.ts";
import { openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { CommitQueue, OrderedStore } from "../../../../mesh/contract/ports.ts";
import type { UsageTotals } from "../../../../mesh/contract/usage.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const NOW = Date.UTC(2026, 10, 20, 12);
const spent = (usd: string, tokens: number) => ({ usd, tokens });
const totals = (day: string): UsageTotals => {
  const of = {
    tenant: spent("10", 1_000),
    department: spent("5", 500),
    role: spent("4", 400),
    agent: spent("3", 300),
    own: spent("2", 200),
  };
  return { day: { period: day, ...of }, month: { period: day.slice(0, 7), ...of } };
};

let store: OrderedStore;
let queue: CommitQueue;
let own: { usd: string; tokens: number };
const open = (): OrganisationUsage =>
  createOrganisationUsage({
    store,
    queue,
    ledger: { spent: () => ({ ...NO_CALLS, usd: own.usd, inputTokens: own.tokens }) },
  });

beforeEach(async () => {
  store = openMemoryStore();
  own = spent("0", 0);
  const audit = await openAuditChain(
    { store, random: seededRandom("x") },
    { org: `org_${"a".repeat(26)}`, agentId: `12D3KooW${"A".repeat(44)}` },
  );
  const clock = createVirtualClock();
  queue = createCommitQueue({ store, clock, audit, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: () => undefined });
});

describe("what a budget has used", () => {
  it("is this agent's own usage while nothing is known of others", () => {
    own = spent("1.5", 150);
    expect(open().spent("tenant", "day", NOW)).toEqual({ nanoUsd: parseUsd("1.5"), tokens: 150 });
  });

  it("is the collected total and what this agent used since, not counted twice", async () => {
    own = spent("2.25", 260);
    const usage = open();
    await usage.take(totals("2026-11-20"));
    expect(usage.spent("tenant", "day", NOW)).toEqual({ nanoUsd: parseUsd("10.25"), tokens: 1_060 });
    expect(usage.spent("agent", "month", NOW)).toEqual({ nanoUsd: parseUsd("3.25"), tokens: 360 });
    expect(usage.spent("department", "day", NOW)).toEqual({ nanoUsd: parseUsd("5.25"), tokens: 560 });
  });

  it("stays the last known one over a restart with the bootstrap node away", async () => {
    await open().take(totals("2026-11-20"));
    own = spent("2.5", 200);
    expect(open().spent("role", "day", NOW)).toEqual({ nanoUsd: parseUsd("4.5"), tokens: 400 });
  });

  it("begins anew with the day and the month", async () => {
    const usage = open();
    await usage.take(totals("2026-11-19"));
    own = spent("0.5", 50);
    expect(usage.spent("tenant", "day", NOW)).toEqual({ nanoUsd: parseUsd("0.5"), tokens: 50 });
    expect(usage.spent("tenant", "month", NOW)).toEqual({ nanoUsd: parseUsd("10"), tokens: 1_000 });
    expect(usage.spent("tenant", "month", Date.UTC(2026, 11, 1))).toEqual({ nanoUsd: parseUsd("0.5"), tokens: 50 });
  });

  it("is never less than the total where this machine's books were lost", async () => {
    const usage = open();
    await usage.take(totals("2026-11-20"));
    expect(usage.spent("tenant", "day", NOW)).toEqual({ nanoUsd: parseUsd("10"), tokens: 1_000 });
  });
});
