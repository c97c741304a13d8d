/** Hardware addresses: pairs with colons or dashes, or fours with full stops. Source: IEEE 802. */
import { type Rule, whole } from "../rule.ts";

/** Broadcast and unset name no machine; figures alone, parted by dashes, are some other number. */
const isMachine = (address: string): boolean => {
  const figures = address.replace(/[:.-]/g, "").toLowerCase();
  return !/^(?:0{12}|f{12})$/.test(figures) && (address.includes(":") || /[a-f]/.test(figures));
};

/** Rules for hardware addresses. A longer chain of pairs is a fingerprint and no address. */
export const MAC_RULES: readonly Rule[] = [
  {
    label: "MAC",
    detector: "rule:mac",
    score: 0.9,
    pattern:
      /(?<![\p{L}\p{N}_]|[\p{L}\p{N}_][:-])(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![\p{L}\p{N}_]|[:-][0-9a-f]{2})/giu,
    starts: { hex: true },
    accept: (match) => (isMachine(match[0]) ? whole(match) : undefined),
  },
];
