/** Methods of the guard. */
import { z } from "zod";
import { dataClass } from "../data-class.ts";
import { guardStats } from "../usage.ts";
import { done, method } from "./method.ts";

/** A span of detected personal data or secret: UTF-16 offsets, end exclusive. */
export const entity = z.strictObject({ start: z.int(), end: z.int(), label: z.string(), score: z.number(), detector: z.string() });
/** A span of detected personal data or secret. */
export type Entity = z.infer<typeof entity>;

/** What a caller of `guard.process` wants beyond the role's profile. It makes the guard stricter, never laxer. */
export const processPolicy = z.strictObject({
  /** `strict` also refuses a text with secrets. */
  mode: z.enum(["mask-and-forward", "strict"]).optional(),
  /** `mask`: masked though the profile would let it pass; `block`: a text with such a value is refused. */
  classes: z.partialRecord(dataClass, z.enum(["mask", "block"])).optional(),
});
/** What a caller of `guard.process` wants beyond the role's profile. */
export type ProcessPolicy = z.infer<typeof processPolicy>;

/** The methods of the guard. */
export const GUARD_METHODS = {
  "guard.detect": method(z.strictObject({ text: z.string() }), z.strictObject({ entities: z.array(entity) })),
  "guard.process": method(
    z.strictObject({
      text: z.string(),
      sessionId: z.string().max(200),
      policy: processPolicy.optional(),
      /** What stands before and after the text in its document: looked at, so that nothing is missed at the edges, and not answered. */
      before: z.string().default(""),
      after: z.string().default(""),
    }),
    z.strictObject({ masked: z.string(), mapRef: z.string(), redactions: z.array(z.strictObject({ class: z.string(), count: z.int() })) }),
  ),
  "guard.restore": method(
    z.strictObject({ masked: z.string(), mapRef: z.string(), sessionId: z.string().max(200) }),
    z.strictObject({ text: z.string() }),
  ),
  /** Deletes the map of masked values of a session, or all maps; what they restored stays a token from then on. */
  "guard.forget": method(z.strictObject({ sessionId: z.string().min(1).max(200).optional() }), done),
  /** This agent's model calls of the last days: usage, money, what was masked and refused, where budgets stand. */
  "guard.stats": method(z.strictObject({ days: z.int().min(1).max(62).default(30) }), guardStats),
} as const;
