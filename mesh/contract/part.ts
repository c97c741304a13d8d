/** Parts of A2A 1.0: what a task or its result consists of beside the one text and the one JSON value. Mapping: docs/a2a.md. */
import { z } from "zod";
import { json, jsonObject } from "./json.ts";

/** What any part may say about itself. */
const about = {
  mediaType: z.string().max(200).optional(),
  filename: z.string().max(400).optional(),
  metadata: jsonObject.optional(),
};

/** One part: exactly one of `text`, `raw` (base64, RFC 4648, padded), `url` and `data` (any JSON). */
export const part = z.union([
  z.strictObject({ text: z.string().max(400_000), ...about }),
  z.strictObject({ raw: z.base64().max(700_000), ...about }),
  z.strictObject({ url: z.string().min(1).max(4_096), ...about }),
  z.strictObject({ data: json, ...about }),
]);
/** One part. */
export type Part = z.infer<typeof part>;

/** Parts of one message; all of them together have to fit it. */
export const parts = z.array(part).max(64);

/** Whether a part holds bytes that the guard can't look through. */
export const isRaw = (one: Part): boolean => "raw" in one;
