/** Where the mailbox meets messaging: what waits, how it is signed for a device, what a deposit and a receipt change. */
import type { AuditDraft } from "../contract/audit.ts";
import type { Principal } from "../contract/identity.ts";
import type { MessageOf } from "../contract/message.ts";
import type { CommitQueue, Transaction } from "../contract/ports.ts";
import type { Outbox } from "../delivery/outbox-types.ts";
import { type OutboxRecord, traceIdOf } from "../delivery/outbox-record.ts";
import type { Incoming, Receiver } from "../delivery/receiver-types.ts";
import { dropMark, readMark } from "../mailbox/mail-mark.ts";
import type { MailCollectorDeps, MailOutcome } from "../mailbox/mail-collector.ts";
import type { MailSenderDeps } from "../mailbox/mail-sender.ts";

/** What the desk needs. */
export interface MailDeskDeps {
  readonly queue: CommitQueue;
  readonly outbox: Pick<Outbox, "enqueue" | "receipted" | "record" | "waiting">;
  receiver(): Pick<Receiver, "receiveDeposit">;
  /** The record as an envelope; `copy` where it is for another device than the one it was sent to. */
  readonly envelope: MailSenderDeps["envelope"];
  /** In the batch of the deposit: what the message is about shows it. */
  onDeposited(tx: Transaction, record: OutboxRecord): void;
  readonly actor: AuditDraft["actor"];
}

/** The part of messaging that the mailbox's cores work with. */
export interface MailDesk
  extends Pick<MailSenderDeps, "waiting" | "record" | "envelope" | "onDeposited">,
    Pick<MailCollectorDeps, "receive" | "answer"> {
  /** In the batch in which a message is delivered, dead or withdrawn. */
  onSettled(tx: Transaction, record: OutboxRecord): void;
  /** A recipient tells what became of a message that it fetched. */
  onReceipt(tx: Transaction, from: Incoming["from"], receipt: MessageOf<"mail.receipt">): undefined;
}

/** Makes the desk. */
export function createMailDesk(deps: MailDeskDeps): MailDesk {
  const { outbox, queue, actor } = deps;

  const send = (to: Principal, { claims, receipt }: MailOutcome): Promise<void> =>
    queue.run(
      (tx) => {
        const outcome =
          receipt.status === "refused"
            ? { status: "refused" as const, code: receipt.code, reason: receipt.reason }
            : { status: "stored" as const };
        outbox.enqueue(tx, {
          to,
          message: { type: "mail.receipt", envelopeId: claims.id, ...outcome },
          priority: "P1",
          lane: `receipt ${claims.id}`,
          traceId: traceIdOf(claims.traceparent),
        });
      },
      { finishing: true },
    );

  return {
    waiting: outbox.waiting,
    record: outbox.record,
    envelope: deps.envelope,
    onDeposited(tx, record, { devices }) {
      tx.audit({
        actor,
        action: "message.deposit",
        target: `envelope:${record.id}`,
        result: "ok",
        details: { type: record.message.type, to: record.to.agentId, toSubject: record.to.subject, devices },
        traceId: traceIdOf(record.traceparent),
      });
      // Nobody sends a receipt for a receipt: where it is lost, its message is fetched or delivered once more, and answered again.
      if (record.message.type === "mail.receipt") outbox.receipted(tx, record, { status: "stored" });
      else deps.onDeposited(tx, record);
    },
    onSettled: (tx, { id }) => dropMark(tx, id),
    onReceipt(tx, from, { envelopeId, status, code = "INTERNAL", reason = "" }) {
      const mark = readMark(tx, envelopeId);
      const record = mark === undefined ? undefined : outbox.record(mark.seq);
      if (mark === undefined || record?.id !== envelopeId || record.to.subject !== from.subject) return undefined;
      if (status === "stored") outbox.receipted(tx, record, { status });
      // Where the device that it was sent to still is, no other refuses for it.
      else if (from.agentId === record.to.agentId || !mark.devices.includes(record.to.agentId))
        outbox.receipted(tx, record, { status, code, reason });
      return undefined;
    },
    receive: (frame, deposit) => deps.receiver().receiveDeposit(frame, deposit),
    answer: async (outcome) => {
      const { claims, receipt, from } = outcome;
      const isSilent = claims.message.type === "mail.receipt" || (claims.copy === true && receipt.status === "refused");
      if (!isSilent) await send(from, outcome);
    },
  };
}
