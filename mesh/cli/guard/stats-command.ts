/** `gaggle guard stats`: what model calls used and what the guard did with them, in words and small bars. */
import type { DaemonClient } from "../../client/connect-daemon.ts";
import type { BudgetState, GuardStats, Usage } from "../../contract/usage.ts";
import { asSeen, type Output, paint, table } from "../output.ts";

const BAR_WIDTH = 24;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;
const MAX_ROWS = 8;

/** A bar for a part of the largest value; something small shows as more than nothing. */
export function bar(value: number, largest: number, width = BAR_WIDTH): string {
  if (value <= 0 || largest <= 0) return "";
  const eighths = Math.max(1, Math.round(Math.min(1, value / largest) * width * 8));
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

const number = (value: number): string => value.toLocaleString("en-US");
const tokensOf = ({ inputTokens, outputTokens }: Pick<Usage, "inputTokens" | "outputTokens">): number => inputTokens + outputTokens;
const dollars = (usd: string): string => `$${Number(usd).toFixed(2)}`;
const percent = (part: number, whole: number): string => (whole === 0 ? "–" : `${Math.round((100 * part) / whole)} %`);

interface BarRow {
  readonly name: string;
  readonly value: number;
  readonly note?: string;
}

const largestFirst = (rows: readonly BarRow[]): BarRow[] => rows.toSorted((a, b) => b.value - a.value);

/** The first rows, each with a bar at its end. */
function bars(out: Output, title: string, rows: readonly BarRow[]): void {
  if (rows.length === 0) return;
  const sorted = rows.slice(0, MAX_ROWS);
  const largest = Math.max(...sorted.map(({ value }) => value));
  const width = Math.max(...sorted.map(({ name }) => name.length));
  const digits = Math.max(...sorted.map(({ value }) => number(value).length));
  out.line(`\n${paint.strong(title)}`);
  for (const { name, value, note = "" } of sorted)
    out.line(
      `  ${name.padEnd(width)}  ${number(value).padStart(digits)}  ${bar(value, largest)}${note === "" ? "" : ` ${paint.dim(note)}`}`,
    );
  if (rows.length > sorted.length) out.line(paint.dim(`  and ${rows.length - sorted.length} more; --json has all`));
}

function budgetLine({
  id,
  scope,
  of,
  period,
  usedUsd,
  usedTokens,
  softUsd,
  hardUsd,
  softTokens,
  hardTokens,
  state,
}: BudgetState): string[] {
  const limits = [
    ...((hardUsd ?? softUsd) ? [`${dollars(usedUsd)} of ${dollars(hardUsd ?? softUsd ?? "0")}`] : []),
    ...((hardTokens ?? softTokens) ? [`${number(usedTokens)} of ${number(hardTokens ?? softTokens ?? 0)} tokens`] : []),
  ];
  const shown = { ok: paint.good("ok"), soft: paint.warn("above the soft limit"), hard: paint.bad("used up") }[state];
  return [id, scope === "tenant" ? "everybody" : asSeen(of), `a ${period}`, limits.join(", "), shown];
}

function showWork(out: Output, { total, redactions, refusals, latencyMs, cache }: GuardStats): void {
  const looked = cache.hits + cache.misses;
  out.line(`${number(total.calls)} model calls, ${number(total.refused)} refused, ${number(total.failed)} failed by the model's server`);
  out.line(`${number(total.inputTokens)} tokens in, ${number(total.outputTokens)} out, ${dollars(total.usd)}`);
  if (total.unpriced > 0) out.line(paint.warn(`${number(total.unpriced)} calls to models without a price count as $0.00`));
  if (latencyMs.samples > 0)
    out.line(`The guard took at most ${latencyMs.p50} ms for half of the calls, ${latencyMs.p95} ms for 95 of 100.`);
  if (looked > 0) out.line(`${percent(cache.hits, looked)} of ${number(looked)} texts were known already.`);
  const counted = (each: GuardStats["refusals"][number]): BarRow => ({
    name: each.class === "none" ? "for another reason" : each.class,
    value: each.count,
  });
  bars(out, "Masked", largestFirst(redactions.map(counted)));
  bars(out, "Refused", largestFirst(refusals.map(counted)));
}

const used = (name: string, usage: Usage): BarRow => ({ name: asSeen(name), value: tokensOf(usage), note: dollars(usage.usd) });

/** Asks the daemon and shows it. @param days how far back */
export async function showGuardStats(daemon: Pick<DaemonClient, "call">, out: Output, days: number): Promise<void> {
  const stats = await daemon.call("guard.stats", { days });
  out.result(stats);
  out.line(paint.strong(`Since ${stats.since}`));
  showWork(out, stats);
  bars(out, "Tokens by model", largestFirst(stats.byModel.map((each) => used(each.model, each))));
  bars(
    out,
    "Tokens by day",
    stats.byDay.map((each) => used(each.day, each)),
  );
  bars(out, "Tokens by task", largestFirst(stats.byTask.map((each) => used(each.taskId, each))));
  if (stats.budgets.length > 0) {
    out.line("");
    for (const line of table(["budget", "of", "period", "used", ""], stats.budgets.map(budgetLine))) out.line(line);
  }
  for (const { name, state, retryAt } of stats.upstreams)
    if (state !== "closed")
      out.line(paint.warn(`Model server ${name} is being left alone${retryAt === undefined ? "" : ` until ${retryAt}`}.`));
}
