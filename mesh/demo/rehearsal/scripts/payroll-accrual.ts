/** Script of HR's recipe `payroll-accrual`. */
import type { Script } from "../script.ts";

const period = { $param: "period" };

/** The script for HR's `payroll-accrual` recipe. */
export const payrollAccrual: Script = {
  title: "Payroll accrual",
  marker: "You are the agent of the HR department. Finance is closing the books of a month and asks you for the payroll",
  reads: { period: /Report the payroll accrual for (\d{4}-\d{2})\./ },
  steps: [
    {
      say: "I look at the payroll register.",
      calls: [{ key: "register", tool: "ledger__payroll_register", args: { period } }],
      onError: "failed",
    },
    {
      say: "The register is there. Now the totals by department.",
      calls: [{ key: "accrual", tool: "ledger__payroll_accrual", args: { period } }],
      onError: "failed",
    },
  ],
  finishes: {
    done: {
      status: "done",
      department: "hr",
      period: { $from: "accrual", at: "/period" },
      accruals: { $from: "accrual", at: "/accruals" },
      total: { $from: "accrual", at: "/total" },
    },
    failed: { status: "failed", department: "hr", period, accruals: [], total: "0.00", problem: "A tool of the ledger failed twice." },
  },
};
