import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readGuardStats } from "../../../../guard/routes/guard-stats.ts";
import { createLedger, LEDGER_LIMITS, type LedgerEntry } from "../../../../guard/routes/ledger.ts";
import { ledgerRange } from "../../../../guard/routes/ledger-record.ts";
import { formatUsd, parseUsd } from "../../../../mesh/contract/money.ts";
import { NO_CALLS } from "../../../../guard/routes/usage-sum.ts";
import { openAuditChain } from "../../../../mesh/audit/chain.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const DAY_MS = 86_400_000;

async function openBooks() {
  const clock = createVirtualClock();
  const store = openMemoryStore();
  const audit = await openAuditChain(
    { store, random: seededRandom("books") },
    { org: `org_${"a".repeat(26)}`, agentId: `12D3KooW${"A".repeat(44)}` },
  );
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const ledger = createLedger({ store, queue });
  const book = (entry: LedgerEntry): Promise<void> => queue.run((tx) => ledger.book(tx, entry));
  const stats = (days = 30) => readGuardStats(store, days, { nowMs: clock.now(), budgets: [], breakers: [] });
  return { clock, store, ledger, book, stats };
}

const entry = (change: Partial<LedgerEntry> = {}): LedgerEntry => ({
  sessionId: "s",
  model: "m",
  usage: { ...NO_CALLS, calls: 1 },
  redactions: {},
  cacheHits: 0,
  cacheMisses: 0,
  ...change,
});

const entries = fc.record({
  sessionId: fc.constantFrom("a", "b/c", "~", "20261120_1"),
  taskId: fc.option(fc.constantFrom("t1", "t2"), { nil: undefined }),
  model: fc.constantFrom("m", "n", "__proto__", "toString"),
  tokens: fc.nat(100_000),
  nanoUsd: fc.bigInt(0n, 10n ** 15n),
  afterMs: fc.nat(2 * DAY_MS),
});

describe("the ledger", () => {
  it("adds up, whatever the order: days, models and sessions each come to the total, to a billionth of a dollar", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entries, { maxLength: 12 }), async (calls) => {
        const { clock, ledger, book, stats } = await openBooks();
        for (const { sessionId, taskId, model, tokens, nanoUsd, afterMs } of calls) {
          clock.jump(afterMs);
          const usage = { ...NO_CALLS, calls: 1, inputTokens: tokens, usd: formatUsd(nanoUsd) };
          await book(entry({ sessionId, model, usage, ...(taskId === undefined ? {} : { taskId }) }));
        }
        const shown = await stats();
        const usd = calls.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0n);
        const sum = (rows: readonly { usd: string }[]): bigint => rows.reduce((all, row) => all + parseUsd(row.usd), 0n);
        expect(parseUsd(shown.total.usd)).toBe(usd);
        for (const rows of [shown.byDay, shown.byModel, shown.bySession]) expect(sum(rows)).toBe(usd);
        const ofTasks = calls.filter(({ taskId }) => taskId !== undefined).reduce((all, { nanoUsd }) => all + nanoUsd, 0n);
        expect(sum(shown.byTask)).toBe(ofTasks);
        expect(shown.total.inputTokens).toBe(calls.reduce((all, { tokens }) => all + tokens, 0));
        expect(ledger.spent("day", clock.now() + DAY_MS)).toEqual(NO_CALLS);
      }),
      { numRuns: 60 },
    );
  });

  it("tells what was masked and refused, how long the guard took, and which task a session ran", async () => {
    const { book, stats } = await openBooks();
    for (const guardMs of [4, 4, 4, 90]) await book(entry({ redactions: { EMAIL: 2 }, guardMs, cacheHits: 3, cacheMisses: 1 }));
    await book(entry({ sessionId: "run:1", taskId: "task", refusedClass: "SECRET", usage: { ...NO_CALLS, refused: 1 } }));
    await book(entry({ refusedClass: "none", usage: { ...NO_CALLS, refused: 1 } }));
    expect(await stats(1)).toMatchObject({
      total: { calls: 4, refused: 2 },
      redactions: [{ class: "EMAIL", count: 8 }],
      refusals: [
        { class: "SECRET", count: 1 },
        { class: "none", count: 1 },
      ],
      latencyMs: { samples: 4, p50: 5, p95: 110 },
      cache: { hits: 12, misses: 4 },
      byTask: [{ taskId: "task", refused: 1 }],
    });
    expect((await stats(1)).bySession.find(({ sessionId }) => sessionId === "run:1")?.taskId).toBe("task");
  });

  it("shows the days that are asked for, and keeps no more sessions, days and models than its limits", async () => {
    const { clock, store, ledger, book, stats } = await openBooks();
    for (let i = 0; i < LEDGER_LIMITS.modelsADay + 20; i += 1) await book(entry({ model: `m${i}` }));
    expect((await stats()).byModel).toHaveLength(LEDGER_LIMITS.modelsADay + 1);
    clock.jump(3 * DAY_MS);
    await book(entry());
    expect((await stats(2)).byDay).toHaveLength(1);
    expect((await stats(4)).byDay).toHaveLength(2);
    clock.jump(LEDGER_LIMITS.days * DAY_MS);
    for (let i = 0; i < LEDGER_LIMITS.sessions + 5; i += 1) await book(entry({ sessionId: `s${i}` }));
    await ledger.prune(clock.now());
    expect(await store.range(ledgerRange("day"))).toHaveLength(2);
    expect(await store.range(ledgerRange("session"))).toHaveLength(LEDGER_LIMITS.sessions);
    expect(ledger.spent("day", clock.now()).calls).toBe(LEDGER_LIMITS.sessions + 5);
  });
});
