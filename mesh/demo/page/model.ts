/** What the page and the report of a close are made from. Amounts are decimal text with two digits. */

/** An amount that a department charges, and where it comes from. */
export interface ReportAccrual {
  readonly department: string;
  readonly account: string;
  readonly amount: string;
  readonly source: string;
}

/** One difference between ledger and bank statement. */
export interface ReportDifference {
  readonly kind: string;
  readonly reference: string;
  /** YYYY-MM-DD */
  readonly date: string;
  readonly ledgerAmount: string | null;
  readonly statementAmount: string | null;
  /** Which balance `adjustment` belongs onto. */
  readonly adjusts: "ledger" | "statement" | "none";
  readonly adjustment: string;
}

/** A balanced journal entry. */
export interface ReportEntry {
  readonly id: string;
  readonly description: string;
  readonly lines: readonly { readonly account: string; readonly department: string; readonly debit: string; readonly credit: string }[];
}

/** `report.json` of a close, as the ledger writes it. */
export interface CloseReport {
  readonly period: string;
  readonly organisation: string;
  readonly currency: string;
  readonly accruals: readonly ReportAccrual[];
  readonly payroll: { readonly lines: readonly ReportAccrual[]; readonly total: string };
  readonly reconciliation: {
    readonly matched: number;
    readonly differences: readonly ReportDifference[];
    readonly bookBalance: string;
    readonly statementBalance: string;
    readonly adjustedBalance: string;
  };
  readonly entries: readonly ReportEntry[];
  readonly approval: {
    readonly approvalId: string;
    readonly approver: { readonly subject: string; readonly role: string };
    readonly decision: string;
    readonly payloadHash: string;
    /** Compact JWS. */
    readonly signature: string;
  };
  /** ISO 8601 */
  readonly postedAt: string;
  readonly postingId: string;
}

/** How many values of a class were masked. */
export interface MaskedCount {
  readonly class: string;
  readonly count: number;
}

/** What a step of the close is. */
export type TimelineKind =
  | "daemon"
  | "task-sent"
  | "task-received"
  | "task-state"
  | "run-start"
  | "run-finish"
  | "approval-asked"
  | "approval-received"
  | "approval-decided"
  | "approval-accepted"
  | "model-call"
  | "notification"
  | "denied"
  | "posted"
  | "note";

/** One step of the close. An entry with `to` is drawn as an arrow between two lanes. */
export interface TimelineEntry {
  /** ISO 8601 */
  readonly at: string;
  /** Milliseconds since the start of the close. */
  readonly atMs: number;
  /** Subject of the agent whose lane this is in. */
  readonly lane: string;
  readonly kind: TimelineKind;
  readonly text: string;
  /** Subject of the agent that this goes to. */
  readonly to?: string;
  /** Task or approval id: the sent and the received end of a message have the same. */
  readonly ref?: string;
  readonly durationMs?: number;
  readonly masked?: readonly MaskedCount[];
}

/** Everything that the page shows. */
export interface CloseData {
  readonly report: CloseReport;
  /** One lane each, in this order. */
  readonly agents: readonly { readonly subject: string; readonly role: string; readonly title: string }[];
  readonly timeline: readonly TimelineEntry[];
  readonly masked: readonly MaskedCount[];
  readonly audit: { readonly ok: boolean; readonly events: number; readonly agents: number; readonly message: string };
  readonly model: {
    readonly name: string;
    readonly rehearsal: boolean;
    readonly requests: number;
    readonly bytes: number;
    /** Part of a request as the model's side received it. */
    readonly excerpt?: string;
  };
  /** ISO 8601 */
  readonly generatedAt: string;
  readonly durationMs: number;
  readonly evidence: readonly { readonly file: string; readonly what: string }[];
}
