/** Tools over a department's own files: purchase orders in marketing and engineering, payroll in HR. */
import { z } from "zod";
import { defineTool, type Tool } from "../define-tool.ts";
import type { Books, PurchaseOrder } from "./books.ts";
import { type DepartmentAccruals, departmentAccruals, type PayrollAccruals, payrollAccruals } from "./close-records.ts";
import { formatCents, moneyText, sumCents } from "./money.ts";
import { accrualsOf, departmentOf, openOrders } from "./purchase-orders.ts";
import { payrollAccrualsOf, payrollOf } from "./payroll.ts";
import { lastDayOf, periodText } from "./period.ts";

const input = z.strictObject({ period: periodText.describe("The month, like 2026-10") });

const openOrder = z.strictObject({
  po: z.string(),
  vendor: z.string(),
  description: z.string(),
  account: z.string(),
  ordered: moneyText,
  received: moneyText,
  receivedOn: z.string().nullable(),
  invoiced: moneyText,
  invoicedOn: z.string().nullable(),
  contact: z.string(),
  email: z.string(),
  phone: z.string(),
  iban: z.string(),
});

const showOrder = (order: PurchaseOrder): z.infer<typeof openOrder> => ({
  po: order.po,
  vendor: order.vendor,
  description: order.description,
  account: order.account,
  ordered: formatCents(order.ordered),
  received: formatCents(order.received),
  receivedOn: order.received_on,
  invoiced: formatCents(order.invoiced),
  invoicedOn: order.invoiced_on,
  contact: order.contact_name,
  email: order.contact_email,
  phone: order.contact_phone,
  iban: order.vendor_iban,
});

const openPurchaseOrders = (open: () => Books): Tool =>
  defineTool({
    readOnly: true,
    name: "open_purchase_orders",
    title: "Open purchase orders",
    description:
      "The department's purchase orders that are neither cancelled nor fully invoiced at the end of a month, with the vendors' contacts.",
    input,
    output: z.strictObject({ department: z.string(), period: periodText, currency: z.string(), orders: z.array(openOrder) }),
    async run({ period }) {
      const all = await open().purchaseOrders();
      const { department, currency } = departmentOf(all);
      const orders = openOrders(all, lastDayOf(period)).map(showOrder);
      const text = `${orders.length} open purchase orders of ${department} at the end of ${period}, in ${currency}.`;
      return { structured: { department, period, currency, orders }, text };
    },
  });

const accrualText = ({ department, period, total, accruals }: DepartmentAccruals | PayrollAccruals): string =>
  `Accruals of ${department} for ${period}: ${accruals.length} lines, together ${total}.`;

const purchaseOrderAccruals = (open: () => Books): Tool =>
  defineTool({
    readOnly: true,
    name: "purchase_order_accruals",
    title: "Accruals from purchase orders",
    description:
      "The department's accruals for a month: received by its end and not invoiced by then, by purchase order. Names no person and no vendor.",
    input,
    output: z.strictObject({ ...departmentAccruals.shape, currency: z.string() }),
    async run({ period }) {
      const orders = await open().purchaseOrders();
      const result = accrualsOf(orders, period);
      return { structured: { ...result, currency: departmentOf(orders).currency }, text: accrualText(result) };
    },
  });

const registerRow = z.strictObject({
  employeeId: z.string(),
  name: z.string(),
  department: z.string(),
  email: z.string(),
  nationalId: z.string(),
  iban: z.string(),
  salary: moneyText,
  gross: moneyText,
  grossPaidOn: z.string().nullable(),
});

const payrollRegister = (open: () => Books): Tool =>
  defineTool({
    readOnly: true,
    name: "payroll_register",
    title: "Payroll register",
    description:
      "Every employee's pay of a month with name, national id and bank account, for checking it. Use payroll_accrual for totals.",
    input,
    output: z.strictObject({ period: periodText, employees: z.array(registerRow), gross: moneyText }),
    async run({ period }) {
      const books = open();
      const rows = payrollOf(await books.employees(), await books.payroll(), period);
      const employees = rows.map(({ employee, row }) => ({
        employeeId: employee.employee_id,
        name: employee.name,
        department: employee.department,
        email: employee.email,
        nationalId: employee.national_id,
        iban: employee.iban,
        salary: formatCents(employee.monthly_salary),
        gross: formatCents(row.gross),
        grossPaidOn: row.gross_paid_on,
      }));
      const gross = formatCents(sumCents(rows.map(({ row }) => row.gross)));
      return { structured: { period, employees, gross }, text: `Payroll of ${period}: ${employees.length} employees, ${gross} gross.` };
    },
  });

const payrollAccrual = (open: () => Books): Tool =>
  defineTool({
    readOnly: true,
    name: "payroll_accrual",
    title: "Payroll accrual",
    description:
      "What is owed for a month's payroll at its end and not paid: salaries, employer's contributions and bonuses, by department and account.",
    input,
    output: z.strictObject({ ...payrollAccruals.shape, currency: z.string() }),
    async run({ period }) {
      const books = open();
      const settings = await books.payrollSettings();
      const result = payrollAccrualsOf(await books.employees(), await books.payroll(), settings, period);
      return { structured: { ...result, currency: settings.currency }, text: accrualText(result) };
    },
  });

/** The tools of departments that answer finance. `open` gives the books; it may throw GaggleError. */
export const departmentTools = (open: () => Books): Tool[] => [
  openPurchaseOrders(open),
  purchaseOrderAccruals(open),
  payrollRegister(open),
  payrollAccrual(open),
];
