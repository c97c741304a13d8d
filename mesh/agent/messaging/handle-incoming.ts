/** Hands a message that passed every check to whom it is for. */
import { actorOf } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { MessageOf } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { Incoming, MessageHandler } from "../../delivery/receiver-types.ts";
import { isSessionMessage } from "../../session/broker/create-broker.ts";
import type { MailDesk } from "../mail-desk.ts";
import type { MessagingDeps } from "./messaging-types.ts";
import type { Sessions } from "./open-sessions.ts";

/** What handling needs. */
export interface HandlingDeps extends Pick<MessagingDeps, "artifacts"> {
  readonly self: Principal;
  readonly sessions: Pick<Sessions, "approvals" | "asker" | "broker" | "notifications" | "progress" | "worker">;
  readonly mail: Pick<MailDesk, "onReceipt">;
  /** Whether this agent takes keys of colleagues. */
  readonly takesKeys: boolean;
}

/** Makes the handler. */
export function createHandling({ self, sessions, mail, artifacts, takesKeys }: HandlingDeps): MessageHandler {
  const { approvals, asker, broker, notifications, progress, worker } = sessions;
  const actor = actorOf(self);

  /** The key itself was stored before, with the checks of who sent it; a daemon that can't do that takes none. */
  const onKey = (tx: Transaction, { from, traceId }: Incoming, { epoch }: MessageOf<"pseudonym.key">): GaggleError | undefined => {
    if (!takesKeys) return new GaggleError("POLICY_DENIED", "This agent takes no keys.");
    const details = { epoch, from: from.agentId, fromSubject: from.subject };
    tx.audit({ actor, action: "pseudonym.receive", target: `agent:${self.agentId}`, result: "ok", details, traceId });
    return undefined;
  };

  const handleMessage = (tx: Transaction, incoming: Incoming): GaggleError | undefined => {
    const { message } = incoming;
    if (isSessionMessage(message)) return broker.handle(tx, incoming, message);
    switch (message.type) {
      case "task.request":
        return worker.onRequest(tx, incoming, message);
      case "task.update":
        return asker.onUpdate(tx, incoming, message);
      case "task.progress":
        return progress.onProgress(tx, incoming, message);
      case "task.answer":
        return worker.onAnswer(tx, incoming, message);
      case "task.cancel":
        return worker.onCancel(tx, incoming, message);
      case "task.read":
        return asker.onRead(tx, incoming, message);
      case "approval.request":
        return approvals.onRequest(tx, incoming, message);
      case "approval.decision":
        return approvals.onDecision(tx, incoming, message);
      case "approval.end":
        return approvals.onEnd(tx, incoming, message);
      case "notification":
        return notifications.onNotification(tx, incoming, message);
      case "mail.receipt":
        return mail.onReceipt(tx, incoming.from, message);
      case "pseudonym.key":
        return onKey(tx, incoming, message);
    }
  };

  return (tx, incoming) => {
    const refusal = handleMessage(tx, incoming);
    if (refusal === undefined) artifacts?.arrived(tx, incoming);
    return refusal;
  };
}
