/** What an organisation and a role tell the privacy guard; both travel in the signed bundle. Source: spec G2, G5; O3. */
import { z } from "zod";
import { dataClass } from "./data-class.ts";
import { sha256, slug } from "./ids.ts";

/**
 * What happens to a value of a class on its way to a model:
 * `off` not looked for, `detect-only` counted and passed on, `mask` replaced by a token, `block` the request is refused.
 */
export const classMode = z.enum(["off", "detect-only", "mask", "block"]);
/** What happens to a value of a class on its way to a model. */
export type ClassMode = z.infer<typeof classMode>;

/**
 * What the guard does as a whole. `off` and `detect-only` pass everything on; `mask-and-forward` masks; `strict` also refuses
 * secrets. `classes` changes single classes within `mask-and-forward` and `strict`.
 */
export const guardMode = z.enum(["off", "detect-only", "mask-and-forward", "strict"]);
/** What the guard does as a whole. */
export type GuardMode = z.infer<typeof guardMode>;

const modeByClass = z.partialRecord(dataClass, classMode);

/** `guard` of a role's profile. */
export const guardProfile = z.strictObject({
  mode: guardMode,
  /** By class; what is left out follows the mode, and DATE is `detect-only` there, since a task can rarely do without its dates. */
  classes: modeByClass.default({}),
  /** Other rules for a model that runs on this machine or in the company's own network, as the model's route says. */
  local: z.strictObject({ mode: guardMode, classes: modeByClass.default({}) }).optional(),
  /** Images, files and other content that the guard can't read: the request is refused, or the content is taken out and a note put there. */
  unreadable: z.enum(["block", "strip"]).default("block"),
  /** A Goose session that never registered through the hook. */
  unregistered: z.enum(["refuse", "allow"]).default("refuse"),
  /**
   * Which tools get the values of which classes in their arguments; `*` at a tool's end stands for any ending. A class that no entry names is restored for
   * every tool that policy allows; one that is named, for these tools alone: all others get its tokens.
   */
  restore: z
    .array(z.strictObject({ classes: z.array(dataClass).min(1), tools: z.array(z.string().min(1).max(200)).max(200) }))
    .max(100)
    .default([]),
  /** Which classes leave for another department unmasked, by department; `*` stands for any. All others are masked. */
  boundary: z.array(z.strictObject({ departments: z.array(z.union([slug, z.literal("*")])).min(1), pass: z.array(dataClass) })).default([]),
});
/** `guard` of a role's profile. */
export type GuardProfile = z.infer<typeof guardProfile>;

const listedText = z.string().min(2).max(200);

/** `guard.json` in a bundle, from `guard.yaml`: the organisation's own lists, the same for every role. */
export const guardLists = z.strictObject({
  v: z.literal(1),
  /** Never masked: product names, the company's own public name. Whole words, any case. */
  allow: z.array(listedText).max(10_000).default([]),
  /** Always masked, with the class that they have. Whole words, any case. */
  deny: z
    .array(z.strictObject({ class: dataClass, values: z.array(listedText).min(1).max(50_000) }))
    .max(100)
    .default([]),
  /** Numbers of the company's own form, such as `NO-\d{5}` for employees; matched as whole words. */
  patterns: z
    .array(z.strictObject({ class: dataClass, pattern: z.string().min(3).max(200) }))
    .max(100)
    .default([]),
  /** Models that may find names besides the one that ships with Gaggle, as `gaggle guard model` shows their ids. Empty: any that a machine chooses. */
  models: z.array(sha256).max(50).default([]),
  /** Names of table columns and JSON keys whose values are of a class, compared without case and separators. */
  columns: z
    .array(z.strictObject({ class: dataClass, names: z.array(z.string().min(1).max(100)).min(1).max(200) }))
    .max(100)
    .default([]),
});
/** `guard.json` in a bundle. */
export type GuardLists = z.infer<typeof guardLists>;
