/** Decimal amounts as text, for display and for sums of a table. */

/** Groups thousands: `-1204.50` becomes `−1,204.50`. */
export const grouped = (amount: string): string => amount.replace(/\B(?=(\d{3})+(?!\d))/g, ",").replace("-", "−");

/** Exact sum of decimal texts with two digits. */
export function sumAmounts(amounts: readonly string[]): string {
  const cents = amounts.reduce((sum, amount) => sum + BigInt(amount.replace(".", "")), 0n);
  const digits = String(cents < 0n ? -cents : cents).padStart(3, "0");
  return `${cents < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** `0.4 s`, `12 s`, `3 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Names of the kinds of difference, for people. */
const KINDS: Readonly<Record<string, string>> = {
  timing: "under way at month-end",
  bank_fee: "bank fee",
  duplicate: "recorded twice",
  transposed_digits: "transposed digits",
  missing_in_ledger: "missing in the ledger",
  duplicate_on_statement: "booked twice by the bank",
  missing_on_statement: "missing on the statement",
  amount_mismatch: "another amount",
};

/** A difference's kind in words. */
export const kindText = (kind: string): string => KINDS[kind] ?? kind;

/** Departments' totals, in order of name. */
export function totalsByDepartment(
  lines: readonly { readonly department: string; readonly amount: string }[],
): { department: string; total: string; count: number }[] {
  const groups = Map.groupBy(lines, (line) => line.department);
  return [...groups]
    .map(([department, own]) => ({ department, total: sumAmounts(own.map((line) => line.amount)), count: own.length }))
    .sort((a, b) => (a.department < b.department ? -1 : 1));
}
