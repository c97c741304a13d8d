/** What the ledger keeps in the daemon's store, and under which keys. */
import { z } from "zod";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import { usage } from "../../mesh/contract/usage.ts";
import { NO_TIMES } from "./latency-steps.ts";
import { NO_CALLS } from "./usage-sum.ts";

const counts = z.record(z.string(), z.int().min(0));

/** A day of UTC, with all that statistics show. */
export const dayRecord = z.strictObject({
  v: z.literal(1),
  usage,
  models: z.array(z.strictObject({ model: z.string(), ...usage.shape })),
  redactions: counts,
  refusals: counts,
  latency: z.array(z.int().min(0)),
  cacheHits: z.int().min(0),
  cacheMisses: z.int().min(0),
});
/** A day of UTC, with all that statistics show. */
export type DayRecord = z.infer<typeof dayRecord>;

/** A month, a session or a task. */
export const sumRecord = z.strictObject({ v: z.literal(1), usage, lastAt: z.iso.datetime(), taskId: z.string().optional() });
/** What a ledger sums up by, beside the day. */
export type SumKind = "month" | "session" | "task";

/** A day without calls. */
export const EMPTY_DAY: DayRecord = {
  v: 1,
  usage: NO_CALLS,
  models: [],
  redactions: {},
  refusals: {},
  latency: [...NO_TIMES],
  cacheHits: 0,
  cacheMisses: 0,
};

/** Key of a day's or sum's record. Names may hold anything, so they are escaped. */
export const ledgerKey = (kind: "day" | SumKind, name: string): string => `ledger/${kind}/${encodeURIComponent(name)}`;

/** All keys of a kind: `0` is what follows `/`. */
export const ledgerRange = (kind: "day" | SumKind): { gte: string; lt: string } => ({ gte: `ledger/${kind}/`, lt: `ledger/${kind}0` });

/** Name in a key. */
export const nameInKey = (key: string): string => decodeURIComponent(key.slice(key.lastIndexOf("/") + 1));

/** Reads a stored record. @throws GaggleError INVALID_INPUT where it is damaged */
export const readRecord = <T>(schema: z.ZodType<T>, text: string): T =>
  parseAs(schema, parseJson(text, "A record of the ledger"), "A record of the ledger");
