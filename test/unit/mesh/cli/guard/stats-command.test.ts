/** What `gaggle guard stats` shows of what the daemon says. */
import { describe, expect, it } from "vitest";
import type { DaemonClient } from "../../../../../mesh/client/connect-daemon.ts";
import { bar, showGuardStats } from "../../../../../mesh/cli/guard/stats-command.ts";
import { DAEMON_METHODS } from "../../../../../mesh/contract/daemon-api.ts";
import type { GuardStats } from "../../../../../mesh/contract/usage.ts";
import { captureOutput } from "../../../../support/captured-output.ts";

const used = { calls: 12, refused: 2, failed: 1, unpriced: 0, inputTokens: 40_000, cachedInputTokens: 0, outputTokens: 2_000, usd: "1.25" };
const STATS: GuardStats = {
  since: "2026-10-21",
  total: used,
  redactions: [
    { class: "EMAIL", count: 5 },
    { class: "PERSON", count: 40 },
  ],
  refusals: [
    { class: "SECRET", count: 1 },
    { class: "none", count: 1 },
  ],
  latencyMs: { samples: 12, p50: 25, p95: 60 },
  cache: { hits: 30, misses: 10 },
  byDay: [{ day: "2026-11-20", ...used }],
  bySession: [],
  byTask: [],
  byModel: [{ model: "gpt\u001b[2J-5", ...used }],
  budgets: [
    {
      id: "finance-month",
      scope: "department",
      of: "finance",
      period: "month",
      usedUsd: "1.25",
      usedTokens: 42_000,
      softUsd: "1",
      hardUsd: "50",
      state: "soft",
      resetsAt: "2026-12-01T00:00:00.000Z",
    },
  ],
  upstreams: [{ name: "cloud", state: "open", retryAt: "2026-11-20T13:00:00.000Z" }],
};

/** A daemon that answers one thing, if the contract has it. */
const daemon = (stats: GuardStats): Pick<DaemonClient, "call"> => ({
  call: (async (method: "guard.stats", params: unknown) => {
    DAEMON_METHODS[method].params.parse(params);
    return DAEMON_METHODS[method].result.parse(stats);
  }) as DaemonClient["call"],
});

describe("the guard's statistics", () => {
  it("tell in words what was done, the largest counts first, each with its bar", async () => {
    const { out, text } = captureOutput();
    await showGuardStats(daemon(STATS), out, 30);
    const shown = text();
    expect(shown).toContain("12 model calls, 2 refused, 1 failed");
    expect(shown).toContain("40,000 tokens in, 2,000 out, $1.25");
    expect(shown).toContain("75 % of 40 texts were known already.");
    expect(shown).toMatch(/PERSON {2}40 {2}█{24}\n {2}EMAIL {4}5 {2}███\n/);
    expect(shown).toContain("for another reason  1");
    expect(shown).toMatch(/finance-month +finance +a month +\$1\.25 of \$50\.00 +above the soft limit/);
    expect(shown).toContain("Model server cloud is being left alone until 2026-11-20T13:00:00.000Z.");
  });

  it("let no model's name move a terminal", async () => {
    const { out, text } = captureOutput();
    await showGuardStats(daemon(STATS), out, 30);
    expect(text()).toContain("gpt\\u001b[2J-5");
  });

  it("are the daemon's answer as JSON, for as many days as asked", async () => {
    const { out, result } = captureOutput(true);
    await showGuardStats(daemon(STATS), out, 7);
    expect(result()).toEqual(STATS);
    await expect(showGuardStats(daemon(STATS), out, 63)).rejects.toThrow();
  });

  it("say little where nothing was done", async () => {
    const { out, text } = captureOutput();
    const none = { calls: 0, refused: 0, failed: 0, unpriced: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, usd: "0" };
    const empty = { redactions: [], refusals: [], byDay: [], byModel: [], budgets: [], upstreams: [] };
    await showGuardStats(
      daemon({ ...STATS, ...empty, total: none, latencyMs: { samples: 0, p50: 0, p95: 0 }, cache: { hits: 0, misses: 0 } }),
      out,
      30,
    );
    expect(text()).toBe("Since 2026-10-21\n0 model calls, 0 refused, 0 failed by the model's server\n0 tokens in, 0 out, $0.00\n");
  });
});

describe("a bar", () => {
  it("is as long as its part of the largest, and never nothing for something", () => {
    expect([bar(4, 8, 4), bar(8, 8, 4), bar(1, 10_000, 4), bar(0, 8, 4), bar(3, 8, 1), bar(1, 0)]).toEqual([
      "██",
      "████",
      "▏",
      "",
      "▍",
      "",
    ]);
  });
});
