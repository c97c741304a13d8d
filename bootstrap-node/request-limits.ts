/** How many requests the API takes: of an address that has proven nothing, and of each agent. Source: docs/decisions/0116-limits-of-the-api.md */
import { isIPv6 } from "node:net";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { Clock } from "../mesh/contract/ports.ts";
import { createTokenBuckets } from "../mesh/resilience/token-buckets.ts";

/** Requests of one address in a minute to routes that need no membership, and of failed tries at the others. */
const OPEN_PER_MINUTE = 300;
/** Requests of one agent in a second, and how many at once after a pause. */
const AGENT_PER_SECOND = 20;
/** See {@link AGENT_PER_SECOND}. */
const AGENT_BURST = 600;
/** Audit that one agent hands over in a second, in KiB, and at once after a pause: weeks of a busy agent that was off. A member could else fill the disk. */
const AUDIT_KIB_PER_SECOND = 256;
/** See {@link AUDIT_KIB_PER_SECOND}. */
const AUDIT_KIB_BURST = 524_288;
/** Addresses that are told apart at once; beyond them all new ones share one bucket, so that memory stays bounded. */
const MAX_SOURCES = 10_000;

/** Refuses what is too much. */
export interface RequestLimits {
  /** Counts a request of an address. @throws GaggleError RATE_LIMITED */
  ofAddress(address: string): void;
  /** Counts a request of a proven agent. @throws GaggleError RATE_LIMITED */
  ofAgent(agentId: string): void;
  /** Counts the bytes of audit that a proven agent hands over. @throws GaggleError RATE_LIMITED */
  ofAudit(agentId: string, bytes: number): void;
}

/** What an address is counted as: a host has one IPv4 address, but a whole /64 of IPv6. */
export function sourceOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...gap, ...back]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

/** Makes the limits. @param config `openPerMinute`: default 300; `auditKibAtOnce`: default 512 MiB */
export function createRequestLimits(
  deps: { clock: Pick<Clock, "now"> },
  config: { openPerMinute?: number | undefined; auditKibAtOnce?: number | undefined } = {},
): RequestLimits {
  const perMinute = config.openPerMinute ?? OPEN_PER_MINUTE;
  const addresses = createTokenBuckets(deps, { perSecond: perMinute / 60, burst: perMinute, maxKept: MAX_SOURCES });
  const agents = createTokenBuckets(deps, { perSecond: AGENT_PER_SECOND, burst: AGENT_BURST, maxKept: MAX_SOURCES });
  const audit = createTokenBuckets(deps, {
    perSecond: AUDIT_KIB_PER_SECOND,
    burst: config.auditKibAtOnce ?? AUDIT_KIB_BURST,
    maxKept: MAX_SOURCES,
  });
  const refuse = (waitMs: number, whose: string): void => {
    if (waitMs === 0) return;
    const retryAfterSeconds = Math.ceil(waitMs / 1_000);
    throw new GaggleError("RATE_LIMITED", `Too many requests came from this ${whose}; wait ${retryAfterSeconds} s and try again.`, {
      details: { retryAfterSeconds },
    });
  };
  return {
    ofAddress: (address) => refuse(addresses.take(sourceOf(address)), "address"),
    ofAgent: (agentId) => refuse(agents.take(agentId), "agent"),
    ofAudit: (agentId, bytes) => refuse(audit.take(agentId, bytes / 1_024), "agent"),
  };
}
