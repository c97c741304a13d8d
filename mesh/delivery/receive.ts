/**
 * Receiving: open the envelope, then replay record, policy decision, the message's own effect and the audit event in one synced batch; only then
 * the receipt. A frame that comes again gets the same answer and has no effect. Sans-IO. Source: design, Trust, Envelope; Durability.
 */
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import { ERROR_TABLE, errorCode, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { jsonText } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS, REPLAY_GRACE_MS } from "../contract/limits.ts";
import type { EnvelopeClaims, Message, Receipt } from "../contract/message.ts";
import type { Clock, CommitQueue, OrderedStore, Transaction } from "../contract/ports.ts";
import { claimedIdOf, createEnvelopeOpener, type EnvelopeDeps, type OpenedEnvelope, type RestoreNote, senderOf } from "./envelope.ts";
import type { Approver } from "../enforcement/approvers.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import { receivingQuestion } from "../enforcement/message-question.ts";
import { traceIdOf } from "./outbox-record.ts";
import { createReceivingPolicy, type Received, type ReceivingPolicyDeps } from "./receiving-policy.ts";

/** How often expired replay records are removed. */
const PRUNE_MS = 600_000;
/** Replay records removed at once. */
const PRUNE_BATCH = 1_000;
/** When a receiver without room asks to be tried again. */
const BUSY_RETRY_MS = 5_000;

/** A message that passed every check. */
export interface Incoming {
  readonly from: Principal;
  readonly traceId: string;
  readonly envelopeId: string;
  readonly priority: EnvelopeClaims["priority"];
  readonly message: Message;
  /** Size of its content as canonical JSON has it, roughly. */
  readonly bytes: number;
  /** A copy for another device of the person than the one it was sent to. */
  readonly copy?: true;
  /** Classes that this agent's guard found in it; there where it looked. */
  readonly dataClasses?: readonly string[];
  /** Who signed that exactly this may be done. */
  readonly approvers?: readonly Approver[];
}

/**
 * The effect of a message, in the batch of its receipt. What it throws refuses the message and leaves nothing of it behind;
 * what it returns refuses it too, but keeps what was written, such as an audit event.
 */
export type MessageHandler = (tx: Transaction, incoming: Incoming) => GaggleError | undefined;

/** What receiving needs. */
export interface ReceiverDeps extends EnvelopeDeps, ReceivingPolicyDeps {
  readonly clock: Clock;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly handle: MessageHandler;
  /**
   * Restores what the sender sealed to this agent, where policy lets it; left out, messages stay as they come.
   * @throws GaggleError ENVELOPE_INVALID for a seal that is not for this agent and envelope
   */
  arrive?(opened: OpenedEnvelope): Promise<OpenedEnvelope>;
  /** @throws GaggleError BUSY where there is no room for new work from this sender */
  assertRoom?(from: string, bytes: number): void;
  /** How long the one who hands frames over has to wait before the next one is looked at; 0 where it need not. */
  waitOf?(via: string): number;
  /** Counts messages that were not even signed by a member, and those that may come again and be taken. */
  countRefusal(source: string, code: string): void;
  onError(error: unknown): void;
}

/** Receives frames for one agent. */
export interface Receiver {
  /**
   * Handles one frame and resolves with the receipt's frame, after the sync.
   * @param via agent id of the peer that handed it over
   * @throws GaggleError ENVELOPE_INVALID or TOO_LARGE for what is no envelope at all, STORE_FAILED
   */
  receive(frame: Uint8Array, via: string): Promise<Uint8Array>;
  /**
   * Handles an envelope that came from the mailbox, as one that came directly; its sender had to be a member when the node took it.
   * @param deposit who deposited it, and when (ms since the epoch), by the node's stamp
   * @throws GaggleError for an envelope that is not believed, STORE_FAILED
   */
  receiveDeposit(
    frame: Uint8Array,
    deposit: { readonly from: string; readonly at: number },
  ): Promise<{ from: Principal; claims: EnvelopeClaims; receipt: Receipt }>;
  /** Messages answered `busy` since the start. */
  busyAnswers(): number;
  /** Removes replay records whose envelopes can't be accepted any more. */
  prune(): Promise<void>;
  start(): void;
  stop(): void;
}

/** Messages that no policy question is asked about here, and that end nothing: they wait while the disk is nearly full. */
const ADDS: ReadonlySet<Message["type"]> = new Set(["task.progress", "session.shard", "session.report"]);

/** Task, approval or session that a message is about. */
const refOf = (message: Message): string | undefined =>
  "taskId" in message
    ? message.taskId
    : "approvalId" in message
      ? message.approvalId
      : message.type.startsWith("session.") && "sessionId" in message
        ? message.sessionId
        : undefined;

const replayKey = ({ from, id }: EnvelopeClaims): string => `replay/id/${from}/${id}`;
const expiryKey = ({ from, id, exp }: EnvelopeClaims): string =>
  `replay/until/${String(exp + REPLAY_GRACE_MS).padStart(16, "0")}/${from}/${id}`;

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
  const actor = actorOf(config.self);
  const decide = createReceivingPolicy(deps, config.self);
  let cancelPrune: (() => void) | undefined;

  let busyAnswers = 0;

  /** Turns what another try can mend into a receipt that asks for it. */
  const orBusy =
    (id: string) =>
    (error: unknown): Receipt => {
      if (!isBusy(error)) throw error;
      busyAnswers++;
      return { id, status: "busy", retryAfterMs: BUSY_RETRY_MS };
    };

  const draft = (
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

  const restoreDraft = ({ claims, member }: OpenedEnvelope, { decision, redactions }: RestoreNote): AuditDraft => ({
    actor,
    action: "guard.restore",
    target: `envelope:${claims.id}`,
    result: decision.allowed ? "ok" : "denied",
    details: {
      from: claims.from,
      fromSubject: member.sub,
      fromDepartment: member.department,
      rules: decision.rules.join(",").slice(0, 500),
      policyHash: decision.policyHash,
    },
    redactions: [...redactions],
    traceId: traceIdOf(claims.traceparent),
  });

  const remember = (tx: Transaction, claims: EnvelopeClaims, answer: Receipt): Receipt => {
    tx.put(replayKey(claims), jsonText(answer));
    tx.put(expiryKey(claims), "");
    return answer;
  };

  const answerAgain = (text: string): Receipt => {
    const before = JSON.parse(text) as Receipt;
    return before.status === "stored" ? { id: before.id, status: "duplicate" } : before;
  };

  const accept = (tx: Transaction, opened: OpenedEnvelope): Receipt => {
    const { claims } = opened;
    const before = tx.get(replayKey(claims));
    if (before !== undefined) return answerAgain(before);
    const from = senderOf(opened);
    const received = decide(opened, from);
    const decision = received?.decision;
    // What only comes too often may come again.
    if (decision?.retryAfterMs !== undefined) throw new GaggleError("BUSY", decision.reason);
    if (decision?.allowed === false) {
      tx.audit(draft("message.receive", opened, { result: "denied", received }));
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
      ...(received === undefined ? {} : { approvers: received.approvers }),
    };
    tx.audit(draft("message.receive", opened, { result: "ok", received }));
    if (opened.restored !== undefined) tx.audit(restoreDraft(opened, opened.restored));
    const refusal = deps.handle(tx, incoming);
    // Such as a roster that is older than the sender's: the same message may be taken later.
    if (refusal !== undefined && ERROR_TABLE[refusal.code].retryable) return refused(claims.id, refusal);
    return remember(tx, claims, refusal === undefined ? { id: claims.id, status: "stored" } : refused(claims.id, refusal));
  };

  /** A handler's refusal is recorded by itself, since its own writes must not remain. It ends no work, so the disk's reserve is not for it. */
  const refuse = (opened: OpenedEnvelope, error: unknown): Promise<Receipt> =>
    deps.queue.run((tx) => {
      const { claims } = opened;
      const before = tx.get(replayKey(claims));
      if (before !== undefined) return answerAgain(before);
      tx.audit(draft("message.refuse", opened, { result: "denied", code: errorCode(error) }));
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

  const prune = async (): Promise<void> => {
    const until = String(deps.clock.now()).padStart(16, "0");
    const rows = await deps.store.range({ gte: "replay/until/", lt: `replay/until/${until}`, limit: PRUNE_BATCH });
    if (rows.length === 0) return;
    await deps.queue.run(
      (tx) => {
        for (const [key] of rows) {
          const [, , , from, id] = key.split("/");
          tx.del(key);
          tx.del(`replay/id/${from}/${id}`);
        }
      },
      { finishing: true },
    );
    if (rows.length === PRUNE_BATCH) await prune();
  };

  const start = (): void => {
    cancelPrune = deps.clock.after(PRUNE_MS, () => {
      start();
      prune().catch(deps.onError);
    });
  };

  return {
    prune,
    start,
    stop: () => cancelPrune?.(),
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
