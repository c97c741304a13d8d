/** Methods of the audit chain. */
import { z } from "zod";
import { alarmReason, auditEvent, logAlarm } from "../audit.ts";
import { done, empty, method } from "./method.ts";

/** The methods of the audit chain. */
export const AUDIT_METHODS = {
  /** Sends what the bootstrap node does not have yet. */
  "audit.ship": method(empty, z.strictObject({ seq: z.int(), shipped: z.int() })),
  "audit.list": method(
    z.strictObject({ fromSeq: z.int().min(1).default(1), limit: z.int().min(1).max(5_000).default(500) }),
    z.strictObject({ events: z.array(auditEvent) }),
  ),
  /** What this agent holds against the bootstrap node: signed heads of its log that contradict each other. */
  "audit.alarms": method(empty, z.strictObject({ alarms: z.array(logAlarm) })),
  /** This agent's person has looked at one of them: it is open no more. `id`: as `gaggle audit alarms` names it. */
  "audit.acknowledge": method(z.strictObject({ id: z.string().regex(/^[0-9a-f]{12}$/), reason: alarmReason }), done),
  /** From then on the daemon sends every new audit event of this agent as a notification `audit.event`. */
  "events.subscribe": method(z.strictObject({ fromSeq: z.int().min(1).optional() }), done),
} as const;
