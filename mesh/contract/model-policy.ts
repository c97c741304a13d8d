/** Which model serves which call, what it may cost and what it costs; travels in the signed bundle. Source: spec G7. */
import { z } from "zod";
import { slug } from "./ids.ts";
import { budgetScope } from "./usage.ts";

/** What a model call is for: an agent's own turns, or Goose's side calls. */
export const taskClass = z.enum(["chat", "title", "summary", "unattended"]);
/** What a model call is for. */
export type TaskClass = z.infer<typeof taskClass>;

/** An amount in US dollars as a decimal string, so that nothing is rounded twice. */
const usd = z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, "an amount such as 2.50");

/** A model at an upstream; `upstream` is a name that the machine's own configuration gives URL and key. */
export const modelChoice = z.strictObject({ upstream: slug, model: z.string().min(1).max(200) });
/** A model at an upstream. */
export type ModelChoice = z.infer<typeof modelChoice>;

/** `models.json` in a bundle, from `models.yaml`. */
export const modelPolicy = z.strictObject({
  v: z.literal(1),
  /** The first route that fits a call decides; a call that fits none goes to the machine's own model, if `otherModels` allows that. */
  routes: z
    .array(
      z.strictObject({
        id: slug,
        roles: z.array(slug).optional(),
        tasks: z.array(taskClass).optional(),
        /** Models that Goose asked for, with `*` at the end for any ending; left out, any. */
        asked: z.array(z.string().min(1).max(200)).optional(),
        use: modelChoice,
        /** Tried where `use` is away or over its budget. */
        fallback: modelChoice.optional(),
      }),
    )
    .max(200)
    .default([]),
  otherModels: z.enum(["allow", "refuse"]).default("allow"),
  /** Upstreams that are local: what goes there follows the guard profile's `local` rules, where their address is this machine's or in `localHosts`. */
  localUpstreams: z.array(slug).default([]),
  /** Hosts besides this machine that may be local, such as `models.example.com` or `10.0.0.7`. */
  localHosts: z
    .array(
      z
        .string()
        .max(253)
        .regex(/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])$/, "a host is a name or an address, without a port"),
    )
    .max(100)
    .default([]),
  /** Price of a million tokens. `model` may end in `*`; the longest fitting name counts. */
  prices: z
    .array(z.strictObject({ model: z.string().min(1).max(200), input: usd, cachedInput: usd.optional(), output: usd }))
    .max(1_000)
    .default([]),
  /** At a soft limit calls go to the fallback where there is one and a warning is recorded; at a hard limit they are refused. */
  budgets: z
    .array(
      z.strictObject({
        id: slug,
        scope: budgetScope,
        /** Name of the department, role or subject; left out, each one by itself. An `agent` is a person with all its machines. */
        of: z.string().max(200).optional(),
        period: z.enum(["day", "month"]),
        softUsd: usd.optional(),
        hardUsd: usd.optional(),
        softTokens: z.int().min(0).optional(),
        hardTokens: z.int().min(0).optional(),
      }),
    )
    .max(200)
    .default([]),
});
/** `models.json` in a bundle. */
export type ModelPolicy = z.infer<typeof modelPolicy>;
