/**
 * Receiving: open the envelope, then replay record, policy decision, the message's own effect and the audit event in one synced batch; only then
 * the receipt. A frame that comes again gets the same answer and has no effect. Sans-IO. Source: design, Trust, Envelope; Durability.
 */
import { actorOf } from "../contract/audit.ts";
import { ERROR_TABLE, errorCode, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { jsonText } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import type { EnvelopeClaims, Message, Receipt } from "../contract/message.ts";
import type { Transaction } from "../contract/ports.ts";
import { receivingQuestion } from "../enforcement/message-question.ts";
import { claimedIdOf, createEnvelopeOpener, type OpenedEnvelope, senderOf } from "./envelope.ts";
import { traceIdOf } from "./outbox-record.ts";
import { createReceiverAudit } from "./receiver-audit.ts";
import type { Receiver, ReceiverDeps } from "./receiver-types.ts";
import { createReceivingPolicy } from "./receiving-policy.ts";
import { createReplayRecords } from "./replay-records.ts";

/** When a receiver without room asks to be tried again; one whose disk is full notices within a second that there is room. */
const BUSY_RETRY_MS = 5_000;
const FULL_RETRY_MS = 1_000;

/** Messages that no policy question is asked about here, and that end nothing: they wait while the disk is nearly full. */
const ADDS: ReadonlySet<Message["type"]> = new Set(["task.progress", "session.shard", "session.report"]);

const refused = (id: string, error: unknown): Receipt => ({
  id,
  status: "refused",
  code: errorCode(error),
  reason: error instanceof GaggleError ? error.message.slice(0, 500) : "The receiver failed; its log has the cause.",
});

const isBusy = (error: unknown): boolean => error instanceof GaggleError && (error.code === "DISK_FULL" || error.code === "BUSY");

const toFrame = (answer: Receipt): Uint8Array => Buffer.from(jsonText(answer));

/** Makes the receiver of the agent `self`. */
export function createReceiver(deps: ReceiverDeps, config: { self: Principal; org: string }): Receiver {
  const open = createEnvelopeOpener(deps, { self: config.self.agentId, org: config.org });
  const audit = createReceiverAudit(actorOf(config.self));
  const { answered, remember, ...replay } = createReplayRecords(deps);
  const decide = createReceivingPolicy(deps, config.self);
  let busyAnswers = 0;

  /** Turns what another try can mend into a receipt that asks for it. */
  const orBusy =
    (id: string) =>
    (error: unknown): Receipt => {
      if (!isBusy(error)) throw error;
      busyAnswers++;
      return { id, status: "busy", retryAfterMs: errorCode(error) === "DISK_FULL" ? FULL_RETRY_MS : BUSY_RETRY_MS };
    };

  const accept = (tx: Transaction, opened: OpenedEnvelope): Receipt => {
    const { claims } = opened;
    const before = answered(tx, claims);
    if (before !== undefined) return before;
    const from = senderOf(opened);
    const received = decide(opened, from);
    const decision = received?.decision;
    for (const one of received?.signed ?? []) tx.audit(audit.approval(opened, one));
    // What only comes too often may come again.
    if (decision?.retryAfterMs !== undefined) throw new GaggleError("BUSY", decision.reason);
    if (decision?.allowed === false) {
      tx.audit(audit.arrival("message.receive", opened, { result: "denied", received }));
      return remember(
        tx,
        claims,
        refused(claims.id, new GaggleError("POLICY_DENIED", `The receiver's policy does not allow this. ${decision.reason}`)),
      );
    }
    if (received !== undefined) deps.assertRoom?.(claims.from, opened.bytes);
    const incoming = {
      from,
      bytes: opened.bytes,
      traceId: traceIdOf(claims.traceparent),
      envelopeId: claims.id,
      priority: claims.priority,
      message: claims.message,
      ...(claims.copy === undefined ? {} : { copy: claims.copy }),
      ...(opened.found === undefined ? {} : { dataClasses: opened.found.classes }),
      ...(claims.fileValues === undefined ? {} : { fileValues: claims.fileValues }),
      ...(opened.approvedFiles === undefined ? {} : { approvedFiles: opened.approvedFiles }),
      ...(received === undefined ? {} : { approvers: received.approvers }),
    };
    tx.audit(audit.arrival("message.receive", opened, { result: "ok", received }));
    if (opened.restored !== undefined) tx.audit(audit.restore(opened, opened.restored));
    if (opened.withheld !== undefined) tx.audit(audit.withhold(opened, opened.withheld));
    const refusal = deps.handle(tx, incoming);
    // Such as a roster that is older than the sender's: the same message may be taken later.
    if (refusal !== undefined && ERROR_TABLE[refusal.code].retryable) return refused(claims.id, refusal);
    return remember(tx, claims, refusal === undefined ? { id: claims.id, status: "stored" } : refused(claims.id, refusal));
  };

  /** A handler's refusal is recorded by itself, since its own writes must not remain. It ends no work, so the disk's reserve is not for it. */
  const refuse = (opened: OpenedEnvelope, error: unknown): Promise<Receipt> =>
    deps.queue.run((tx) => {
      const { claims } = opened;
      const before = answered(tx, claims);
      if (before !== undefined) return before;
      tx.audit(audit.arrival("message.refuse", opened, { result: "denied", code: errorCode(error) }));
      return remember(tx, claims, refused(claims.id, error));
    });

  /** Answers and cancels end running work, so they pass although the disk is nearly full. */
  const isFinishing = ({ message }: EnvelopeClaims): boolean => receivingQuestion(message) === undefined && !ADDS.has(message.type);

  const receiveOpened = async (opened: OpenedEnvelope): Promise<Receipt> => {
    const { claims } = opened;
    try {
      const arrived = (await deps.arrive?.(opened)) ?? opened;
      return await deps.queue.run((tx) => accept(tx, arrived), { finishing: isFinishing(claims) });
    } catch (error) {
      if (isBusy(error) || !(error instanceof GaggleError) || error.code === "STORE_FAILED") throw error;
      if (!ERROR_TABLE[error.code].retryable) return refuse(opened, error);
      // Not remembered: the same message would get this answer until its end, although the reason may pass.
      deps.countRefusal(claims.from, error.code);
      return refused(claims.id, error);
    }
  };

  return {
    ...replay,
    async receiveDeposit(frame, { from, at }) {
      const opened = open(frame, deps.clock.now(), at);
      const { claims } = opened;
      if (claims.from !== from || claims.ts > at + CLOCK_LEEWAY_MS)
        throw new GaggleError(
          "ENVELOPE_INVALID",
          "The message was deposited by another agent than the one that signed it, or before that.",
        );
      return { from: senderOf(opened), claims, receipt: await receiveOpened({ ...opened, depositedAt: at }).catch(orBusy(claims.id)) };
    },
    busyAnswers: () => busyAnswers,
    async receive(frame, via) {
      const waitMs = deps.waitOf?.(via) ?? 0;
      if (waitMs > 0) {
        const id = claimedIdOf(frame);
        busyAnswers++;
        if (id === undefined) throw new GaggleError("BUSY", "Too many messages from this agent at once; they are taken later.");
        return toFrame({ id, status: "busy", retryAfterMs: waitMs });
      }
      let opened: OpenedEnvelope;
      try {
        opened = open(frame, deps.clock.now());
      } catch (error) {
        deps.countRefusal(via, errorCode(error));
        const id = claimedIdOf(frame);
        if (id === undefined) throw error;
        return toFrame(refused(id, error));
      }
      return toFrame(await receiveOpened(opened).catch(orBusy(opened.claims.id)));
    },
  };
}
