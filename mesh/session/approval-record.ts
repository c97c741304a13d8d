/** What either side keeps about an approval. Source: spec M10. */
import type { ApprovalView } from "../contract/daemon-api.ts";
import type { Principal } from "../contract/identity.ts";
import type { Json } from "../contract/json.ts";
import type { Transaction } from "../contract/ports.ts";

/** An approval as either side keeps it. */
export interface ApprovalRecord {
  readonly v: 1;
  readonly side: "requester" | "approver";
  readonly approvalId: string;
  readonly peer: Principal;
  readonly state: ApprovalView["state"];
  readonly payload: Json;
  readonly payloadHash: string;
  readonly delivery?: "queued" | "deposited" | "stored" | "dead";
  readonly decision?: string;
  readonly approver?: { readonly subject: string; readonly role: string };
  readonly reason?: string;
  /** Classes in the payload, where the guard looked. */
  readonly dataClasses?: readonly string[];
  /** Hash of a decision whose key this agent's roster did not name when it came. */
  readonly unknownKeyOf?: string;
  readonly sessionId?: string;
  readonly stepId?: string;
  readonly traceId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly history: readonly { readonly at: number; readonly state: string; readonly note?: string }[];
}

/** What a decision must be about to count. */
export interface ExpectedDecision {
  readonly approvalId: string;
  readonly requester: string;
  readonly requesterSubject: string;
  readonly payloadHash: string;
}

/** Key of an approval's record. */
export const approvalKey = (side: ApprovalRecord["side"], id: string): string => `approval/${side}/${id}`;

/** The record, or undefined. */
export function readApproval(source: Pick<Transaction, "get">, side: ApprovalRecord["side"], id: string): ApprovalRecord | undefined {
  const text = source.get(approvalKey(side, id));
  return text === undefined ? undefined : (JSON.parse(text) as ApprovalRecord);
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** The approval as the daemon's API shows it. */
export function viewApproval(record: ApprovalRecord): ApprovalView {
  const { v: _, traceId: __, unknownKeyOf: ___, dataClasses: ____, createdAt, updatedAt, history, approver, ...shown } = record;
  return {
    kind: "approval",
    ...shown,
    ...(approver === undefined ? {} : { approver: { ...approver } }),
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
    history: history.map(({ at, ...entry }) => ({ at: iso(at), ...entry })),
  };
}
