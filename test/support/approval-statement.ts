/** What an approver signs about an approval, for tests that sign in a person's place. */
import type { ApprovalStatement } from "../../mesh/contract/message.ts";

/** An approval as whoever decides on it sees it. */
export interface ShownApproval {
  readonly approvalId: string;
  readonly payloadHash: string;
  readonly peer: { readonly agentId: string };
  readonly deadline?: string | undefined;
}

/** The statement that approves it at `now`, unless `change` says otherwise. @param by the organisation, the approver and the time in milliseconds */
export const statementOn = (
  { approvalId, payloadHash, peer, deadline }: ShownApproval,
  by: { readonly org: string; readonly subject: string; readonly role: string; readonly now: number },
  change: Partial<ApprovalStatement> = {},
): ApprovalStatement => ({
  v: 1,
  org: by.org,
  approvalId,
  requester: peer.agentId,
  payloadHash,
  decision: "approved",
  reason: "",
  approver: { subject: by.subject, role: by.role },
  decidedAt: new Date(by.now).toISOString(),
  ...(deadline === undefined ? {} : { deadline }),
  ...change,
});
