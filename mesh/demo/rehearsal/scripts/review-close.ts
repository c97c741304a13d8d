/** Script of the executive's recipe `review-close`. */
import type { Reference, Script } from "../script.ts";

const approvalId = { $param: "approvalId" };
const request = (at: string): Reference => ({ $from: "open", at });

/** The script for the executive's `review-close` recipe. */
export const reviewClose: Script = {
  title: "Review a close",
  marker: "You help an executive to understand a request for approval before deciding on it.",
  reads: { approvalId: /Explain the approval request ([0-9A-Za-z_-]+)\./ },
  steps: [
    {
      say: "I open the request.",
      calls: [{ key: "open", tool: "mesh__open_approval", args: { approvalId } }],
      onError: "failed",
    },
  ],
  finishes: {
    done: {
      approvalId,
      payloadHash: request("/payloadHash"),
      state: request("/state"),
      requestedBy: request("/peer/subject"),
      summary: {
        $join: [
          "A rehearsal can't judge; it lists. The request asks to post ",
          request("/payload/entries"),
          " entries for ",
          request("/payload/period"),
          " in ",
          request("/payload/currency"),
          ", with a payroll accrual of ",
          request("/payload/payrollTotal"),
          ". Bank and ledger agree on a balance of ",
          request("/payload/reconciliation/adjustedBalance"),
          " after ",
          request("/payload/reconciliation/differences"),
          " differences.",
        ],
      },
      concerns: [],
      decideWith: { $join: ["Approve with: gaggle approve ", approvalId, ". Reject with: gaggle reject ", approvalId, "."] },
    },
    failed: {
      approvalId,
      payloadHash: "",
      state: "unknown",
      requestedBy: "",
      summary: "The request could not be opened.",
      concerns: [],
      decideWith: "",
    },
  },
};
