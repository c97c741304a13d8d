/** Accruals from purchase orders: received by the end of the period and not invoiced by then. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { PurchaseOrder } from "./books.ts";
import type { DepartmentAccruals } from "./close-records.ts";
import { formatCents, sumCents } from "./money.ts";
import { lastDayOf } from "./period.ts";

/** Cents of an order that are owed without an invoice on a day; 0 for what is cancelled, not yet received or fully invoiced. */
export function accruedCents(order: PurchaseOrder, onDay: string): number {
  if (order.status === "cancelled") return 0;
  const by = (day: string | null, amount: number): number => (day !== null && day <= onDay ? amount : 0);
  return Math.max(0, by(order.received_on, order.received) - by(order.invoiced_on, order.invoiced));
}

/** Orders that are open on a day: not cancelled, and not fully invoiced by then. */
export const openOrders = (orders: readonly PurchaseOrder[], onDay: string): PurchaseOrder[] =>
  orders.filter(
    (order) =>
      order.status !== "cancelled" && !(order.invoiced_on !== null && order.invoiced_on <= onDay && order.invoiced >= order.ordered),
  );

/**
 * The department whose orders these are.
 * @throws GaggleError INVALID_INPUT where there are none, or of several departments or currencies
 */
export function departmentOf(orders: readonly PurchaseOrder[]): { department: string; currency: string } {
  const [first] = orders;
  if (first === undefined) throw new GaggleError("INVALID_INPUT", "purchase-orders.csv has no rows. Put the department's orders there.");
  if (orders.some((order) => order.department !== first.department || order.currency !== first.currency)) {
    throw new GaggleError(
      "INVALID_INPUT",
      "purchase-orders.csv mixes departments or currencies. Keep one file for each department and currency.",
    );
  }
  return { department: first.department, currency: first.currency };
}

/** A department's accruals for a period, by order. */
export function accrualsOf(orders: readonly PurchaseOrder[], period: string): DepartmentAccruals {
  const { department } = departmentOf(orders);
  const lastDay = lastDayOf(period);
  const accrued = orders.map((order) => ({ order, cents: accruedCents(order, lastDay) })).filter(({ cents }) => cents > 0);
  return {
    department,
    period,
    accruals: accrued.map(({ order, cents }) => ({ account: order.account, amount: formatCents(cents), source: order.po })),
    total: formatCents(sumCents(accrued.map(({ cents }) => cents))),
  };
}
