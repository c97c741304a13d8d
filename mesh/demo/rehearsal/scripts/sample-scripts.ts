/** The scripts of the sample organisation's recipes. */
import type { Script } from "../script.ts";
import { departmentAccruals } from "./department-accruals.ts";
import { monthEndClose } from "./month-end-close.ts";
import { payrollAccrual } from "./payroll-accrual.ts";
import { reviewClose } from "./review-close.ts";

/** One script for each recipe of the sample organisation. */
export const sampleScripts: readonly Script[] = [
  monthEndClose,
  departmentAccruals("marketing"),
  departmentAccruals("engineering"),
  payrollAccrual,
  reviewClose,
];
