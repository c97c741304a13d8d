/** Methods of the audit chain. */
import { z } from "zod";
import { auditEvent } from "../audit.ts";
import { done, empty, method } from "./method.ts";

/** The methods of the audit chain. */
export const AUDIT_METHODS = {
  /** Sends what the bootstrap node does not have yet. */
  "audit.ship": method(empty, z.strictObject({ seq: z.int(), shipped: z.int() })),
  "audit.list": method(
    z.strictObject({ fromSeq: z.int().min(1).default(1), limit: z.int().min(1).max(5_000).default(500) }),
    z.strictObject({ events: z.array(auditEvent) }),
  ),
  /** From then on the daemon sends every new audit event of this agent as a notification `audit.event`. */
  "events.subscribe": method(z.strictObject({ fromSeq: z.int().min(1).optional() }), done),
} as const;
