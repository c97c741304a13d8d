/** What the tables of methods are made of. */
import { z } from "zod";

/** No parameters. */
export const empty = z.strictObject({});
/** Most lines of a list. */
export const listLimit = z.int().min(1).max(1_000).default(200);
/** It was done. */
export const done = z.strictObject({ ok: z.literal(true) });
/** One method: the schemas of its parameters and of its result. */
export const method = <P extends z.ZodType, R extends z.ZodType>(params: P, result: R): { params: P; result: R } => ({ params, result });
