/** Money in whole billionths of a US dollar, so that sums are exact. */

/** One US dollar. */
export const USD = 1_000_000_000n;

/** Reads an amount such as `2.50`, in billionths of a dollar. The caller has checked its form; see `usdAmount`. */
export function parseUsd(text: string): bigint {
  const [whole = "0", fraction = ""] = text.split(".");
  return BigInt(whole) * USD + BigInt(fraction.padEnd(9, "0"));
}

/** Writes billionths of a dollar as a decimal number without needless zeros. */
export function formatUsd(nano: bigint): string {
  const fraction = (nano % USD).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nano / USD}${fraction === "" ? "" : `.${fraction}`}`;
}
