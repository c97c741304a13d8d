/** Money in whole billionths of a US dollar, so that sums are exact. */

/** One US dollar. */
export const USD = 1_000_000_000n;

/** Reads an amount such as `2.50`, in billionths of a dollar. The caller has checked its form; see `usdAmount`. */
export function parseUsd(text: string): bigint {
  const [whole = "0", fraction = ""] = text.split(".");
  return BigInt(whole) * USD + BigInt(fraction.padEnd(9, "0"));
}

/** The most that an amount in a record can say; see `usdAmount`. */
const MOST = 1_000_000_000_000n * USD - 1n;

/** Writes billionths of a dollar as a decimal number without needless zeros; what is past the most that records hold as that. */
export function formatUsd(given: bigint): string {
  const nano = given > MOST ? MOST : given;
  const fraction = (nano % USD).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nano / USD}${fraction === "" ? "" : `.${fraction}`}`;
}
