/** Scripts of the recipes `accruals` of marketing and engineering. */
import type { Script } from "../script.ts";

const period = { $param: "period" };

/** The script for one department's `accruals` recipe. */
export const departmentAccruals = (department: string): Script => ({
  title: `Accruals of ${department}`,
  marker: `You are the agent of the ${department} department. Finance is closing the books of a month and`,
  reads: { period: /Report the accruals of the [a-z]+ department for (\d{4}-\d{2})\./ },
  steps: [
    {
      say: "I look at the department's open purchase orders.",
      calls: [{ key: "orders", tool: "ledger__open_purchase_orders", args: { period } }],
      onError: "failed",
    },
    {
      say: "The orders are there. Now the accruals.",
      calls: [{ key: "accruals", tool: "ledger__purchase_order_accruals", args: { period } }],
      onError: "failed",
    },
  ],
  finishes: {
    done: {
      status: "done",
      department,
      period: { $from: "accruals", at: "/period" },
      accruals: { $from: "accruals", at: "/accruals" },
      total: { $from: "accruals", at: "/total" },
    },
    failed: { status: "failed", department, period, accruals: [], total: "0.00", problem: "A tool of the ledger failed twice." },
  },
});
