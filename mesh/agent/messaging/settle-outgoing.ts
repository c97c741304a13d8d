/** What it means for a task, an approval, a session or a notification that its message was delivered, is dead, was withdrawn or goes again. */
import type { Principal } from "../../contract/identity.ts";
import type { MessageOf } from "../../contract/message.ts";
import type { PolicyEngine, Transaction } from "../../contract/ports.ts";
import type { OutboxRecord } from "../../delivery/outbox-record.ts";
import type { OutboxDeps } from "../../delivery/outbox-types.ts";
import type { RequestTo } from "../../session/approvals/request-delivery.ts";
import { isSessionMessage } from "../../session/broker/create-broker.ts";
import { notifyQuestion } from "../../session/notifications.ts";
import type { MailDesk } from "../mail-desk.ts";
import type { Sessions } from "./open-sessions.ts";

/** What settling needs; sessions and the mailbox send through the outbox, so they are there only later. */
export interface SettleDeps {
  readonly self: Principal;
  readonly policy: PolicyEngine;
  /** Whether values are masked as they leave. */
  readonly masks: boolean;
  sessions(): Pick<Sessions, "approvals" | "asker" | "broker" | "notifications" | "progress">;
  mail(): Pick<MailDesk, "onSettled">;
}

const requestTo = ({ approvalId }: MessageOf<"approval.request">, { agentId }: Principal): RequestTo => ({ approvalId, agentId });

/** Makes what the outbox tells. */
export function createSettling(deps: SettleDeps): Pick<OutboxDeps, "onDead" | "onDelivered" | "onRetry" | "onWithdrawn"> & {
  onDeposited(tx: Transaction, record: Pick<OutboxRecord, "message" | "ref" | "to">): void;
} {
  return {
    onDelivered(tx, record) {
      const { approvals, asker, broker, notifications, progress } = deps.sessions();
      const { message, ref, to } = record;
      deps.mail().onSettled(tx, record);
      if (message.type === "task.progress") progress.onSettled(message.taskId);
      else if (isSessionMessage(message)) broker.onDelivered(tx, message, to.agentId);
      else if (message.type === "task.request") asker.onDelivered(tx, message.taskId);
      else if (message.type === "approval.request") approvals.onDelivered(tx, requestTo(message, to));
      else if (message.type === "notification" && ref !== undefined) notifications.onDelivered(tx, ref);
    },
    onDead(tx, record, failure) {
      const { approvals, asker, broker, progress } = deps.sessions();
      const { message, to } = record;
      deps.mail().onSettled(tx, record);
      if (message.type === "task.request" || message.type === "task.answer" || message.type === "task.cancel")
        asker.onDead(tx, message, failure);
      else if (message.type === "task.progress") progress.onSettled(message.taskId);
      else if (isSessionMessage(message)) broker.onDead(tx, message, to.agentId, failure.code);
      else if (message.type === "approval.request") approvals.onDead(tx, requestTo(message, to), failure);
    },
    onWithdrawn(tx, record) {
      const { approvals, asker } = deps.sessions();
      const { message, to } = record;
      deps.mail().onSettled(tx, record);
      if (message.type === "task.request") asker.onWithdrawn(tx, message.taskId);
      else if (message.type === "approval.request") approvals.onWithdrawn(tx, requestTo(message, to));
    },

    onRetry(tx, { message, to }) {
      const { approvals, asker } = deps.sessions();
      if (message.type === "task.request") return asker.onRetry(tx, message.taskId);
      if (message.type === "approval.request") return approvals.onRetry(tx, requestTo(message, to));
      if (message.type === "notification")
        return deps.policy.decide(notifyQuestion(deps.self, to, false), deps.masks ? { keeps: ["mask"] } : {});
      return undefined;
    },

    /** It waits, sealed, on the bootstrap node. */
    onDeposited(tx, { message, ref, to }) {
      const { approvals, asker, notifications } = deps.sessions();
      if (message.type === "task.request") asker.onDeposited(tx, message.taskId);
      else if (message.type === "approval.request") approvals.onDeposited(tx, requestTo(message, to));
      else if (message.type === "notification" && ref !== undefined) notifications.onDeposited(tx, ref);
    },
  };
}
