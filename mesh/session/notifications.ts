/** Messages to a person that want no answer. Sans-IO. Source: spec M3. */
import type { DaemonRequest, InboxItem } from "../contract/daemon-api.ts";
import { newUuid } from "../contract/ids.ts";
import type { Principal } from "../contract/identity.ts";
import type { MessageOf } from "../contract/message.ts";
import type { PolicyDecision, PolicyQuestion, Transaction } from "../contract/ports.ts";
import { indexItem } from "./inbox.ts";
import { earlierId, rememberId } from "./once.ts";
import { policyDenied } from "./policy-denied.ts";
import type { CallContext, SessionDeps, SessionIncoming } from "./ports.ts";

/** A notification as its receiver keeps it. */
export interface NotificationRecord {
  readonly v: 1;
  readonly id: string;
  readonly peer: Principal;
  readonly message: string;
  readonly severity: "info" | "warning" | "critical";
  readonly createdAt: number;
}

/** What the sender keeps. */
interface SentNotification {
  readonly id: string;
  readonly agentId: string;
  readonly delivery: "queued" | "deposited" | "stored";
}

const keyOf = (id: string): string => `notification/received/${id}`;
const sentKey = (id: string): string => `notification/sent/${id}`;

/** The record, or undefined. */
export function readNotification(source: Pick<Transaction, "get">, id: string): NotificationRecord | undefined {
  const text = source.get(keyOf(id));
  return text === undefined ? undefined : (JSON.parse(text) as NotificationRecord);
}

/** The notification as the daemon's API shows it. */
export const viewNotification = ({ id, peer, message, severity, createdAt }: NotificationRecord): InboxItem => ({
  kind: "notification",
  id,
  peer,
  message,
  severity,
  createdAt: new Date(createdAt).toISOString(),
});

/** The question about a notification that is to be sent. */
export const notifyQuestion = (self: Principal, to: Principal, unattended: boolean): PolicyQuestion => ({
  action: "notify.send",
  principal: self,
  target: to,
  targetRole: to.role,
  context: { unattended, participants: [self.subject] },
});

/** Makes both sides of notifications. */
export function createNotifications(deps: SessionDeps) {
  const create = (tx: Transaction, request: DaemonRequest<"notify">, call: CallContext): SentNotification | PolicyDecision => {
    const { idempotencyKey: key, target, message, severity } = request;
    const once = { verb: "notify", key, content: { target, message, severity } };
    const earlier = earlierId(tx, once);
    if (earlier !== undefined) return JSON.parse(tx.get(sentKey(earlier)) ?? "{}") as SentNotification;
    const to = deps.resolve(target, "notify.send");
    const question = notifyQuestion(deps.self, to, call.unattended === true);
    const decision = deps.policy.decide(question, deps.masks === true ? { keeps: ["mask"] } : {});
    const id = newUuid(tx.now, deps.random);
    const body = { type: "notification" as const, message, severity };
    const outgoing = {
      to,
      message: body,
      priority: severity === "critical" ? ("P0" as const) : ("P2" as const),
      lane: id,
      traceId: call.traceId,
      ref: id,
      decision,
      question,
    };
    if (!decision.allowed) {
      deps.sender.auditDenied(tx, outgoing);
      return decision;
    }
    rememberId(tx, once, id);
    deps.sender.enqueue(tx, outgoing);
    const sent: SentNotification = { id, agentId: to.agentId, delivery: "queued" };
    tx.put(sentKey(id), JSON.stringify(sent));
    return sent;
  };

  return {
    /** Sends a notification, once per idempotency key. @throws GaggleError POLICY_DENIED, NO_ROUTE, CONFLICT */
    async notify(request: DaemonRequest<"notify">, call: CallContext): Promise<SentNotification> {
      const made = await deps.queue.run((tx) => create(tx, request, call));
      if ("allowed" in made) throw policyDenied(made);
      return made;
    },

    onNotification(tx: Transaction, incoming: SessionIncoming, { message, severity }: MessageOf<"notification">): undefined {
      const { from, envelopeId } = incoming;
      const record: NotificationRecord = { v: 1, id: envelopeId, peer: from, message, severity, createdAt: tx.now };
      tx.put(keyOf(envelopeId), JSON.stringify(record));
      indexItem(tx, { kind: "notification", id: envelopeId, createdAt: tx.now }, true);
      deps.openItems.opened(tx, "notification", envelopeId, incoming);
    },

    /** It waits, sealed, on the bootstrap node. */
    onDeposited(tx: Transaction, id: string): void {
      const text = tx.get(sentKey(id));
      if (text !== undefined) tx.put(sentKey(id), JSON.stringify({ ...(JSON.parse(text) as SentNotification), delivery: "deposited" }));
    },

    onDelivered(tx: Transaction, id: string): void {
      const text = tx.get(sentKey(id));
      if (text !== undefined) tx.put(sentKey(id), JSON.stringify({ ...(JSON.parse(text) as SentNotification), delivery: "stored" }));
    },

    /** The person has seen it. */
    read: (record: NotificationRecord): Promise<void> =>
      deps.queue.run(
        (tx) => {
          indexItem(tx, { kind: "notification", id: record.id, createdAt: record.createdAt }, false);
          deps.openItems.closed(tx, "notification", record.id);
        },
        { finishing: true },
      ),
  };
}
