/** A message as it is accepted: made into a record and put on the disk, in the caller's transaction. */
import { GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import { jsonText } from "../contract/json.ts";
import { ENVELOPE_LIFETIME_MS } from "../contract/limits.ts";
import type { OutgoingMessage, PolicyDecision, Transaction } from "../contract/ports.ts";
import { type OutboxRecord, queuedKey, SEQ_KEY } from "./outbox-record.ts";
import type { OutboxDeps } from "./outbox-types.ts";

/** Largest message in bytes of its canonical JSON: with claims, credential and base64url it still fits a frame. */
export const MAX_MESSAGE_BYTES = 768_000;

/** What of a decision is kept as the message leaves. */
export const maskOf = (decision: PolicyDecision | undefined): Pick<OutboxRecord, "mask"> => {
  const mask = (decision?.obligations ?? []).flatMap((one) => (one.kind === "mask" ? one.classes : []));
  return mask.length === 0 ? {} : { mask };
};

/** The record of a message. */
export function recordFor(tx: Transaction, outgoing: OutgoingMessage, deps: Pick<OutboxDeps, "random" | "policyHash">): OutboxRecord {
  const seq = Number(tx.get(SEQ_KEY) ?? 0) + 1;
  const span = Buffer.from(deps.random.bytes(8)).toString("hex");
  return {
    v: 1,
    seq,
    id: newUuid(tx.now, deps.random),
    to: outgoing.to,
    priority: outgoing.priority,
    lane: outgoing.lane,
    createdAt: tx.now,
    exp: Math.min(tx.now + ENVELOPE_LIFETIME_MS, outgoing.expiresAt ?? Number.POSITIVE_INFINITY),
    policyHash: outgoing.decision?.policyHash ?? deps.policyHash(),
    traceparent: `00-${outgoing.traceId}-${span}-01`,
    ...(outgoing.ref === undefined ? {} : { ref: outgoing.ref }),
    ...(outgoing.movable === undefined ? {} : { movable: outgoing.movable }),
    ...(outgoing.sessionLane === undefined ? {} : { sessionLane: outgoing.sessionLane }),
    ...maskOf(outgoing.decision),
    ...(outgoing.question?.context === undefined ? {} : { asked: outgoing.question.context }),
    message: outgoing.message,
  };
}

/** The record as the disk holds it. @throws GaggleError TOO_LARGE */
export function recordText(record: OutboxRecord): string {
  const text = jsonText(record);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_MESSAGE_BYTES) return text;
  throw new GaggleError("TOO_LARGE", "The message is too large to be sent; shorten its text or context.", {
    details: { bytes, maxBytes: MAX_MESSAGE_BYTES },
  });
}

/** Puts it on the disk. */
export function putRecord(tx: Transaction, { seq }: OutboxRecord, text: string): void {
  tx.put(SEQ_KEY, String(seq));
  tx.put(queuedKey(seq), text);
}
