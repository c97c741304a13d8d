/** What the audit chain says about messages that go out. */
import type { AuditDraft } from "../contract/audit.ts";
import type { Principal } from "../contract/identity.ts";
import type { PolicyDecision } from "../contract/ports.ts";
import { type OutboxRecord, traceIdOf } from "./outbox-record.ts";

/** The audit event of a message that goes, or that policy stops. It names a decision only where policy was asked. */
export function sendAudit(
  actor: AuditDraft["actor"],
  sent: { id: string; to: Principal; type: string; traceId: string; ref?: string; decision?: PolicyDecision; policyHash: string },
): AuditDraft {
  const { decision } = sent;
  const denied = decision?.allowed === false;
  const policy = decision && { policy: denied ? "deny" : "allow", rules: decision.rules.join(",").slice(0, 500) };
  return {
    actor,
    action: "message.send",
    target: `envelope:${sent.id}`,
    result: denied ? "denied" : "ok",
    details: {
      type: sent.type,
      to: sent.to.agentId,
      toSubject: sent.to.subject,
      ...policy,
      policyHash: sent.policyHash,
      ...(sent.ref === undefined ? {} : { ref: sent.ref }),
    },
    traceId: sent.traceId,
  };
}

/** The audit event of a message's end: delivered, dead, or taken back. */
export const endAudit = (
  actor: AuditDraft["actor"],
  record: OutboxRecord,
  action: "message.deliver" | "message.dead" | "message.withdraw",
  details: Readonly<Record<string, string | number>>,
): AuditDraft => ({
  actor,
  action,
  target: `envelope:${record.id}`,
  result: action === "message.dead" ? "failed" : "ok",
  details: { type: record.message.type, to: record.to.agentId, ...details, ...(record.ref === undefined ? {} : { ref: record.ref }) },
  traceId: traceIdOf(record.traceparent),
});
