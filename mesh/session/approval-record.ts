/** What either side keeps about an approval. Source: spec M10. */
import type { ApprovalView } from "../contract/daemon-api.ts";
import type { Principal } from "../contract/identity.ts";
import type { Json } from "../contract/json.ts";
import type { Transaction } from "../contract/ports.ts";

/** One who was asked for an approval, as the requester keeps it. */
export interface AskedPerson {
  readonly to: Principal;
  readonly at: number;
  /** In words, for people and the audit. */
  readonly because: string;
  readonly delivery: "queued" | "deposited" | "stored" | "dead";
  /** The signed yes, once it counts. */
  readonly decision?: string;
}

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
  /** So many different subjects have to approve; one where left out. */
  readonly quorum?: number;
  /** From then on no decision counts, ms since the epoch. */
  readonly deadline?: number;
  /** At the requester: whoever those asked report to is asked as well where it takes too long. */
  readonly escalates?: true;
  /** At the requester: everybody who was asked, the first first. Left out in records of earlier versions, which asked `peer` alone. */
  readonly asked?: readonly AskedPerson[];
  /** At the requester: since when those who were asked last have had their time, ms since the epoch. */
  readonly round?: number;
  /** A run without a person asked for it. */
  readonly unattended?: true;
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
  const { v: _, traceId: __, unknownKeyOf: ___, dataClasses: ____, round: _____, unattended: ______, ...rest } = record;
  const { createdAt, updatedAt, history, approver, deadline, asked = [], ...shown } = rest;
  const several = asked.length > 1 || record.quorum !== undefined || record.escalates === true;
  return {
    kind: "approval",
    ...shown,
    ...(deadline === undefined ? {} : { deadline: iso(deadline) }),
    ...(several ? { asked: asked.map(({ at, ...one }) => ({ ...one, at: iso(at) })) } : {}),
    ...(approver === undefined ? {} : { approver: { ...approver } }),
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
    history: history.map(({ at, ...entry }) => ({ at: iso(at), ...entry })),
  };
}
