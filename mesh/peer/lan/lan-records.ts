/** What agents say on the LAN, as DNS records: a pointer from the organisation's service to an instance, and that instance's text. Source: RFC 6762, RFC 6763. */
import type { QueryPacket, ResponsePacket } from "multicast-dns";
import { agentId as agentIdSchema } from "../../contract/ids.ts";
import { sha256Hex } from "../../contract/json.ts";

/** How long others may believe a claim, in seconds: RFC 6762, 10 wants 75 minutes for what is no host name. */
export const CLAIM_TTL_S = 4_500;
/** Known answers in one question, so that it stays below 1,472 bytes: dns-packet does not compress names. */
export const KNOWN_ANSWERS_PER_PACKET = 14;
/** Addresses in one claim. */
const MAX_CLAIM_ADDRESSES = 8;
/** Longest text of one address; a string of a TXT record holds at most 255 bytes. */
const MAX_ADDRESS_LENGTH = 128;

/** An agent's claim to be there. Anybody on the LAN can make any claim. */
export interface LanClaim {
  readonly agentId: string;
  /** Multiaddrs without peer id. */
  readonly addresses: readonly string[];
}

/** A claim as it was heard. `ttlS` 0 takes it back. */
export interface HeardClaim {
  /** Names exactly this agent with these addresses: what a known answer refers to. */
  readonly instance: string;
  readonly ttlS: number;
  /** Undefined where the text that belongs to it was not there. */
  readonly claim: LanClaim | undefined;
}

/** An answer that the asker has already, with the seconds that it is good for. */
export interface KnownAnswer {
  readonly instance: string;
  readonly ttlS: number;
}

/**
 * Name of the organisation's service on the LAN, at most 15 characters after the underscore (RFC 6763, 7.2). It is made from a hash, so that
 * nobody reads in a network who works there.
 */
export const lanService = (org: string): string => `_gaggle-${sha256Hex(org).slice(0, 8)}._udp.local`;

/**
 * Name of a claim. It changes with the addresses, so that who knows only the old ones is answered anew.
 * @param service see {@link lanService}
 */
export const instanceOf = (service: string, { agentId, addresses }: LanClaim): string =>
  `${sha256Hex([agentId, ...addresses].join(" ")).slice(0, 16)}.${service}`;

/** A claim as the records of a response; `ttlS` 0 says goodbye (RFC 6762, 10.1). */
export function claimRecords(service: string, claim: LanClaim, ttlS = CLAIM_TTL_S) {
  const name = instanceOf(service, claim);
  const addresses = claim.addresses.slice(0, MAX_CLAIM_ADDRESSES).map((address) => `a=${address}`);
  return {
    answers: [{ type: "PTR" as const, name: service, class: "IN" as const, ttl: ttlS, data: name }],
    additionals: [
      { type: "TXT" as const, name, class: "IN" as const, flush: true, ttl: ttlS, data: [`id=${claim.agentId}`, ...addresses] },
    ],
  };
}

/** A question for the service with what is known already, in as many packets as that takes; all but the last are marked as truncated (RFC 6762, 7.2). */
export function questionPackets(service: string, known: readonly KnownAnswer[]) {
  const count = Math.max(1, Math.ceil(known.length / KNOWN_ANSWERS_PER_PACKET));
  return Array.from({ length: count }, (_, index) => ({
    flags: index < count - 1 ? TRUNCATED : 0,
    questions: index === 0 ? [{ type: "PTR" as const, name: service, class: "IN" as const }] : [],
    answers: known
      .slice(index * KNOWN_ANSWERS_PER_PACKET, (index + 1) * KNOWN_ANSWERS_PER_PACKET)
      .map(({ instance, ttlS }) => ({ type: "PTR" as const, name: service, class: "IN" as const, ttl: ttlS, data: instance })),
  }));
}

/** The TC bit of a DNS header. */
const TRUNCATED = 1 << 9;

/** A question that was heard. */
export interface HeardQuestion {
  /** False where it only carries further known answers of a question before it. */
  readonly asks: boolean;
  /** More known answers follow. */
  readonly truncated: boolean;
  readonly known: readonly KnownAnswer[];
}

/** Whether two names are the same: DNS knows no case. */
const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** What a query says about the service; undefined where it is about other things. */
export function readQuestion(service: string, packet: QueryPacket): HeardQuestion | undefined {
  const asks = (packet.questions ?? []).some(({ type, name }) => type === "PTR" && same(name, service));
  const known = (packet.answers ?? []).flatMap((record) =>
    record.type === "PTR" && same(record.name, service) ? { instance: record.data, ttlS: record.ttl ?? 0 } : [],
  );
  if (!asks && known.length === 0) return undefined;
  return { asks, truncated: ((packet.flags ?? 0) & TRUNCATED) !== 0, known };
}

/** The claims in a response. */
export function readClaims(service: string, packet: ResponsePacket): HeardClaim[] {
  const records = [...(packet.answers ?? []), ...(packet.additionals ?? [])];
  return records.flatMap((record) => {
    if (record.type !== "PTR" || !same(record.name, service)) return [];
    const text = records.find((other) => other.type === "TXT" && same(other.name, record.data));
    return { instance: record.data, ttlS: record.ttl ?? 0, claim: text?.type === "TXT" ? readText(text.data) : undefined };
  });
}

/** A claim from the strings of its text; undefined where they are nothing that an agent of ours says. */
function readText(data: string | Buffer | (string | Buffer)[]): LanClaim | undefined {
  const strings = (Array.isArray(data) ? data : [data]).map(String);
  const id = agentIdSchema.safeParse(strings.find((one) => one.startsWith("id="))?.slice(3));
  if (!id.success) return undefined;
  const addresses = strings.filter((one) => one.startsWith("a=")).map((one) => one.slice(2));
  return { agentId: id.data, addresses: addresses.filter(({ length }) => length <= MAX_ADDRESS_LENGTH).slice(0, MAX_CLAIM_ADDRESSES) };
}
