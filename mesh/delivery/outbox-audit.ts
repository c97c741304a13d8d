/** What the audit chain says about messages that go out. */
import type { AuditDraft } from "../contract/audit.ts";
import type { Principal } from "../contract/identity.ts";
import type { PolicyDecision, PolicyQuestion } from "../contract/ports.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import { type OutboxRecord, traceIdOf } from "./outbox-record.ts";

/** The audit event of a message that goes, or that policy stops. It names a decision only where policy was asked. */
export function sendAudit(
  actor: AuditDraft["actor"],
  sent: {
    id: string;
    to: Principal;
    type: string;
    traceId: string;
    ref?: string;
    decision?: PolicyDecision;
    question?: PolicyQuestion;
    policyHash: string;
  },
): AuditDraft {
  const { decision } = sent;
  const denied = decision?.allowed === false;
  return {
    actor,
    action: "message.send",
    target: `envelope:${sent.id}`,
    result: denied ? "denied" : "ok",
    details: {
      type: sent.type,
      to: sent.to.agentId,
      toSubject: sent.to.subject,
      policyHash: sent.policyHash,
      ...(decision === undefined ? {} : decisionDetails(decision, sent.question)),
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
