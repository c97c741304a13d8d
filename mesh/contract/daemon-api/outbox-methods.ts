/** Methods for what waits to go out, and for what could not. */
import { z } from "zod";
import { uuid } from "../ids.ts";
import { done, empty, listLimit, method } from "./method.ts";
import { outboxItem } from "./views.ts";

/** The methods for what waits to go out, and for what could not. */
export const OUTBOX_METHODS = {
  "outbox.list": method(z.strictObject({ limit: listLimit }), z.strictObject({ items: z.array(outboxItem), total: z.int() })),
  /** Takes a request or notification back. `withdrawn` is false where it may have arrived: then the task's worker is asked to cancel it. */
  "outbox.cancel": method(z.strictObject({ id: uuid }), z.strictObject({ withdrawn: z.boolean() })),
  "dead.list": method(z.strictObject({ limit: listLimit }), z.strictObject({ items: z.array(outboxItem), total: z.int() })),
  "dead.retry": method(z.strictObject({ id: uuid }), done),
  "dead.retryAll": method(empty, z.strictObject({ sent: z.int(), kept: z.int() })),
} as const;
