/** IP addresses, except those that name no machine (loopback, unspecified). */
import { isIP } from "node:net";
import type { Part, Rule } from "../rule.ts";

const isNobody = (address: string): boolean => /^(?:127\.|0\.0\.0\.0$|255\.255\.255\.255$|::1?$)/.test(address);

/** Enough groups with a digit among them, so that `std::fade` in source code is no address. */
const looksMeant = (address: string): boolean => /\d/.test(address) && address.split(":").filter((group) => group !== "").length >= 3;

function acceptV6(match: RegExpExecArray): Part | undefined {
  const address = match[0].replace(/[.:]$/, (tail) => (match[0].endsWith("::") ? tail : ""));
  return isIP(address) === 6 && !isNobody(address) && looksMeant(address) ? [0, address.length] : undefined;
}

/** Rules for IPv4 and IPv6 addresses. */
export const IP_RULES: readonly Rule[] = [
  {
    label: "IP",
    detector: "rule:ipv4",
    score: 0.8,
    pattern: /(?<![\p{L}\p{N}_]|\d\.)(?:\d{1,3}\.){3}\d{1,3}(?![\p{L}\p{N}_]|\.\d)/gu,
    accept: (match) => (isIP(match[0]) === 4 && !isNobody(match[0]) ? [0, match[0].length] : undefined),
  },
  {
    label: "IP",
    detector: "rule:ipv6",
    score: 0.85,
    pattern: /(?<![\p{L}\p{N}_:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\p{L}\p{N}_])/giu,
    accept: acceptV6,
  },
];
