/** Routes of the audit trail, and of what model calls used. */
import { z } from "zod";
import { auditAlarm, auditBridge, auditEvent, auditFilter, auditReceipt, logProof } from "../audit.ts";
import { sha256 } from "../ids.ts";
import { usageTotals } from "../usage.ts";
import { compactJws, empty, route } from "./route.ts";

/** Most audit events in one request. */
export const MAX_INGEST_EVENTS = 1_000;

/** A size of the node's log, in a path or query. */
const logSize = z.string().regex(/^\d{1,15}$/);

/** The rows. */
export const auditRoutes = {
  ingest: route(
    "POST",
    "/api/v1/audit/ingest",
    "token",
    "Takes events that continue the caller's audit chain without a gap.",
    z.strictObject({
      events: z.array(auditEvent).max(MAX_INGEST_EVENTS),
      head: compactJws,
      /** Size of the node's log that the caller knows: the receipt then proves that the log goes on from there. */
      logSize: z.int().min(0).optional(),
      /** Where the node has lost what the caller has forgotten since: the events begin after the anchor in it. */
      bridge: auditBridge.optional(),
    }),
    z.object({ seq: z.int(), hash: sha256, receipt: auditReceipt.optional() }),
    { codes: ["AUDIT_GAP", "AUDIT_BROKEN", "DISK_FULL"] },
  ),
  auditLog: route(
    "GET",
    "/api/v1/audit/log",
    "token",
    "The node's log of receipts as it is now, signed; with first (and second), the proof that the one size is the beginning of the other.",
    empty,
    z.object({ log: compactJws, consistency: logProof }),
    { query: z.strictObject({ first: logSize.optional(), second: logSize.optional() }), codes: ["NOT_FOUND"] },
  ),
  auditAlarms: route(
    "GET",
    "/api/v1/audit/alarms",
    "export",
    "Forks, gaps and altered events in the chains that agents have sent.",
    empty,
    z.object({ alarms: z.array(auditAlarm) }),
  ),
  acknowledgeAlarm: route(
    "POST",
    "/api/v1/audit/alarms/acknowledge",
    "export",
    "Closes an alarm about an agent's chain: an auditor or admin, not of the same person, signs that it was looked at, and why it is no longer open.",
    z.strictObject({ acknowledgement: compactJws }),
    z.object({ alarm: auditAlarm }),
    { codes: ["NOT_FOUND", "STATE_CONFLICT", "DISK_FULL"] },
  ),
  export: route(
    "GET",
    "/api/v1/audit/export",
    "export",
    "All collected chains as ndjson; docs/audit-format.md describes the lines. Events that a filter leaves out become stubs.",
    empty,
    z.string(),
    { query: auditFilter },
  ),
  usage: route(
    "GET",
    "/api/v1/usage",
    "token",
    "What model calls used today and this month: the whole organisation, and the caller's department, role and person.",
    empty,
    usageTotals,
  ),
} as const;
