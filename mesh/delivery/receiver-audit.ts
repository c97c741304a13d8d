/** Audit events of what came in: taken, refused, restored. */
import type { AuditDraft } from "../contract/audit.ts";
import type { Message } from "../contract/message.ts";
import type { ApproverDecision } from "../enforcement/approvers.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import type { OpenedEnvelope, RestoreNote } from "./envelope.ts";
import { traceIdOf } from "./outbox-record.ts";
import type { Received } from "./receiving-policy.ts";

/** Task, approval or session that a message is about. */
const refOf = (message: Message): string | undefined =>
  "taskId" in message
    ? message.taskId
    : "approvalId" in message
      ? message.approvalId
      : message.type.startsWith("session.") && "sessionId" in message
        ? message.sessionId
        : undefined;

const listed = (name: string, values: readonly string[] = []): Readonly<Record<string, string>> =>
  values.length === 0 ? {} : { [name]: values.join(",").slice(0, 500) };

/** Makes the events of one agent. */
export function createReceiverAudit(actor: AuditDraft["actor"]) {
  /** A message was taken, denied by policy or refused. */
  const arrival = (
    action: "message.receive" | "message.refuse",
    { claims, member, depositedAt }: OpenedEnvelope,
    outcome: { result: AuditDraft["result"]; received?: Received | undefined; code?: string },
  ): AuditDraft => {
    const ref = refOf(claims.message);
    const { received, code } = outcome;
    const policy = received && decisionDetails(received.decision, received.question);
    return {
      actor,
      action,
      target: `envelope:${claims.id}`,
      result: outcome.result,
      details: {
        type: claims.message.type,
        from: claims.from,
        fromSubject: member.sub,
        senderPolicyHash: claims.policyHash,
        ...policy,
        ...(code === undefined ? {} : { code }),
        ...(ref === undefined ? {} : { ref }),
        ...(depositedAt === undefined ? {} : { depositedAt }),
      },
      traceId: traceIdOf(claims.traceparent),
    };
  };

  /** Values that its sender had masked were put back, or policy did not let them. */
  const restore = ({ claims, member }: OpenedEnvelope, { decision, redactions, withheld, misnamed }: RestoreNote): AuditDraft => ({
    actor,
    action: "guard.restore",
    target: `envelope:${claims.id}`,
    result: decision.allowed && withheld === undefined ? "ok" : "denied",
    details: {
      from: claims.from,
      fromSubject: member.sub,
      fromDepartment: member.department,
      rules: decision.rules.join(",").slice(0, 500),
      policyHash: decision.policyHash,
      ...listed("withheld", withheld),
      ...listed("misnamed", misnamed),
    },
    redactions: [...redactions],
    traceId: traceIdOf(claims.traceparent),
  });

  /** Classes came bare that this agent's policy does not let in, and were masked here. */
  const withhold = ({ claims }: OpenedEnvelope, details: AuditDraft["details"]): AuditDraft => ({
    actor,
    action: "data.release",
    target: `envelope:${claims.id}`,
    result: "denied",
    details,
    traceId: traceIdOf(claims.traceparent),
  });

  /** Whether somebody's signed approval, which came with a message, counts here. */
  const approval = ({ claims, member }: OpenedEnvelope, { approver, decision }: ApproverDecision): AuditDraft => ({
    actor,
    action: "approval.check",
    target: approver.approvalId === undefined ? `envelope:${claims.id}` : `approval:${approver.approvalId}`,
    result: decision.allowed ? "ok" : "denied",
    details: {
      approver: approver.subject,
      approverRole: approver.role,
      peerSubject: member.sub,
      asked: "approval.decide",
      ...decisionDetails(decision),
      ...(approver.dataClasses === undefined ? {} : { dataClasses: approver.dataClasses.join(",").slice(0, 500) }),
    },
    traceId: traceIdOf(claims.traceparent),
  });

  return { approval, arrival, restore, withhold };
}
