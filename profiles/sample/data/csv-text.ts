/** Text forms of the sample files. */

/** Money as decimal text with two digits, from whole cents. */
export function moneyText(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, "0");
  return `${cents < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** A day of the period as YYYY-MM-DD. */
export const dayText = (period: string, day: number): string => `${period}-${String(day).padStart(2, "0")}`;

const cell = (value: string): string => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

/** CSV after RFC 4180 with LF line ends; the columns are the keys of the first row. */
export function csvText(rows: readonly Readonly<Record<string, string>>[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => columns.map((column) => cell(row[column] ?? "")).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}
