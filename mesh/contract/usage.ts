/** What model calls used: the daemon's own statistics, and the organisation's totals that budgets are held against. Source: spec G7. */
import { z } from "zod";
import { slug } from "./ids.ts";

/** An amount in US dollars as a decimal string, exact to a billionth. */
export const usdAmount = z.string().regex(/^\d{1,12}(\.\d{1,9})?$/, "an amount such as 2.50");

/** Model calls and what they used. `cachedInputTokens` are part of `inputTokens`. */
export const usage = z.strictObject({
  /** All calls, with those that the guard or a budget refused, and those that the model's server failed. */
  calls: z.int().min(0),
  refused: z.int().min(0),
  failed: z.int().min(0),
  /** Calls to models that the price table doesn't have: they count as 0 dollars. */
  unpriced: z.int().min(0),
  inputTokens: z.int().min(0),
  cachedInputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  usd: usdAmount,
});
/** Model calls and what they used. */
export type Usage = z.infer<typeof usage>;

/** Counts by class; refusals of no class, such as those of a budget, stand under `none`. */
const classCounts = z.array(z.strictObject({ class: z.string().max(40), count: z.int().min(1) }));

/** Whose usage a budget sums up. */
export const budgetScope = z.enum(["tenant", "department", "role", "agent"]);
/** Whose usage a budget sums up. */
export type BudgetScope = z.infer<typeof budgetScope>;

/** Where a budget stands. Days and months are those of UTC. */
export const budgetState = z.strictObject({
  id: slug,
  scope: budgetScope,
  /** Name of the department, role or subject; the organisation's id for the tenant. */
  of: z.string(),
  period: z.enum(["day", "month"]),
  usedUsd: usdAmount,
  usedTokens: z.int().min(0),
  softUsd: usdAmount.optional(),
  hardUsd: usdAmount.optional(),
  softTokens: z.int().optional(),
  hardTokens: z.int().optional(),
  state: z.enum(["ok", "soft", "hard"]),
  resetsAt: z.iso.datetime(),
});
/** Where a budget stands. */
export type BudgetState = z.infer<typeof budgetState>;

/** Result of the daemon's `guard.stats`: this agent's model calls of the last `days` days, newest first. */
export const guardStats = z.strictObject({
  /** First day that is counted, as YYYY-MM-DD (UTC). */
  since: z.iso.date(),
  total: usage,
  /** Values masked, by class. */
  redactions: classCounts,
  /** Calls refused, by class of what was found; `none` for refusals of no class. */
  refusals: classCounts,
  /** Time that the guard itself took for a call, in milliseconds: upper bounds, since times are kept as counts in steps. */
  latencyMs: z.strictObject({ samples: z.int(), p50: z.int(), p95: z.int() }),
  /** Texts that the guard knew already, and those that it had to look through. */
  cache: z.strictObject({ hits: z.int(), misses: z.int() }),
  byDay: z.array(z.strictObject({ day: z.iso.date(), ...usage.shape })),
  /** The newest sessions; `taskId` where the session ran a colleague's task. */
  bySession: z.array(z.strictObject({ sessionId: z.string(), taskId: z.string().optional(), lastAt: z.iso.datetime(), ...usage.shape })),
  byTask: z.array(z.strictObject({ taskId: z.string(), lastAt: z.iso.datetime(), ...usage.shape })),
  byModel: z.array(z.strictObject({ model: z.string(), ...usage.shape })),
  budgets: z.array(budgetState),
  /** Model servers of this machine; `open`: the circuit breaker sends nothing there until `retryAt`. */
  upstreams: z.array(z.strictObject({ name: slug, state: z.enum(["closed", "open", "half-open"]), retryAt: z.iso.datetime().optional() })),
});
/** Result of the daemon's `guard.stats`. */
export type GuardStats = z.infer<typeof guardStats>;

/** What was used in a period. */
export const spent = z.strictObject({ usd: usdAmount, tokens: z.int().min(0) });
/** What was used in a period. */
export type Spent = z.infer<typeof spent>;

/** The totals of one day (YYYY-MM-DD) or month (YYYY-MM) that concern one agent. */
export const periodTotals = z.strictObject({
  period: z.string().regex(/^\d{4}-\d{2}(-\d{2})?$/),
  tenant: spent,
  department: spent,
  role: spent,
  /** Of the person, all its machines together. */
  agent: spent,
  /** What of all that came from the asking agent itself, so that it can count its own newer calls. */
  own: spent,
});
/** The totals of one day or month that concern one agent. */
export type PeriodTotals = z.infer<typeof periodTotals>;

/** Answer of `GET /api/v1/usage`. */
export const usageTotals = z.strictObject({ day: periodTotals, month: periodTotals });
/** Answer of `GET /api/v1/usage`. */
export type UsageTotals = z.infer<typeof usageTotals>;
