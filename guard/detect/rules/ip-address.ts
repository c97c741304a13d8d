/**
 * IP addresses, except those that name no machine (loopback, unspecified, broadcast, net masks) and version numbers of four parts.
 * The ranges for documentation count: test data and examples use them for real machines.
 */
import { isIP } from "node:net";
import type { Part, Rule } from "../rule.ts";

const isNobody = (address: string): boolean =>
  /^(?:127\.|0\.0\.0\.0$|255\.(?:0|128|192|224|240|248|252|254|255)\.\d+\.(?:0|128|192|224|240|248|252|254|255)$|::1?$)/.test(address);

/** What stands before a version: `Chrome/`, `version `, `Version=`, `release `. */
const VERSION =
  /(?:[A-Za-z][\w.+-]{0,30}\/|(?:version|release|build|firmware|assembly|driver|section|chapter|clause|appendix|sec\.|abschnitt|kapitel|§)["']?[ :=]{0,3}["']?)$/i;

function acceptV4(match: RegExpExecArray): Part | undefined {
  const before = match.input.slice(Math.max(0, match.index - 32), match.index);
  return isIP(match[0]) === 4 && !isNobody(match[0]) && (!VERSION.test(before) || /:\/\/[^\s]*$/.test(before))
    ? [0, match[0].length]
    : undefined;
}

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
    starts: { figures: 4 },
    accept: acceptV4,
  },
  {
    label: "IP",
    detector: "rule:ipv6",
    score: 0.85,
    pattern: /(?<![\p{L}\p{N}_:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\p{L}\p{N}_])/giu,
    starts: { hex: true, texts: ["::"] },
    accept: acceptV6,
  },
];
