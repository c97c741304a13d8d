/** The members that this node knows of, connected or not, with their newest credential and addresses. Pure but for the clock. */
import { GaggleError } from "../contract/errors.ts";
import { z } from "zod";
import { membershipClaims, type Principal } from "../contract/identity.ts";
import { agentId } from "../contract/ids.ts";
import { canonicalHash } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import { unverifiedPayloadOf } from "../identity/jws.ts";
import { readAddresses } from "./address.ts";
import { addressText } from "./hello-wire.ts";
import { MAX_ADDRESSES, MAX_KNOWN_PEERS } from "./protocols.ts";

/** A member as members tell each other of it. `seenAt`: when it last stated its addresses itself, by its own clock, ms since the epoch. */
export const peerRecord = z.strictObject({
  agentId,
  addresses: z.array(addressText).max(MAX_ADDRESSES),
  credential: z.string().max(4_096),
  seenAt: z.int().min(0),
});
/** A member as members tell each other of it. */
export type PeerRecord = z.infer<typeof peerRecord>;

/** What a merge changed. */
export interface MergeResult {
  /** The member was not known before. */
  readonly added: boolean;
  /** Its addresses are others than before. */
  readonly moved: boolean;
}

/** Records of members, each verified when it came in. */
export interface KnownPeers {
  /**
   * Takes a record where it is newer.
   * @throws GaggleError where its credential does not verify
   */
  merge(record: PeerRecord): MergeResult;
  get(agentId: string): PeerRecord | undefined;
  all(): PeerRecord[];
  remove(agentId: string): void;
  /** Removes those whose credential doesn't hold any more; returns who and why. */
  recheck(): { agentId: string; error: unknown }[];
  /** Equal on two sides that know the same. */
  digest(): string;
}

/** An empty table. `verify` is the membership check; what it throws keeps the record out. */
export function createKnownPeers(deps: { verify(jwt: string, agentId: string): Principal; clock: Clock }): KnownPeers {
  const records = new Map<string, PeerRecord>();
  let digest: string | undefined;

  function newer(record: PeerRecord, known: PeerRecord | undefined): PeerRecord {
    if (known === undefined) return record;
    const stated = record.seenAt > known.seenAt ? record : known;
    const credited = issuedAt(record.credential) > issuedAt(known.credential) ? record : known;
    return { agentId: record.agentId, addresses: stated.addresses, seenAt: stated.seenAt, credential: credited.credential };
  }

  return {
    merge(raw) {
      const record = { ...raw, addresses: readAddresses(raw.addresses) };
      const known = records.get(record.agentId);
      if (known?.credential !== record.credential) deps.verify(record.credential, record.agentId);
      // A time from the future would keep every later statement out.
      if (record.seenAt > deps.clock.now() + CLOCK_LEEWAY_MS) {
        throw new GaggleError("CLOCK_SKEW", "A peer record is from the future; set the machines' clocks by network time.");
      }
      if (known === undefined && records.size >= MAX_KNOWN_PEERS) {
        throw new GaggleError("BUSY", "Too many peers are known already.", { details: { known: records.size } });
      }
      const next = newer(record, known);
      records.set(record.agentId, next);
      digest = undefined;
      return { added: known === undefined, moved: known === undefined || known.addresses.join() !== next.addresses.join() };
    },
    get: (id) => records.get(id),
    all: () => [...records.values()],
    remove(id) {
      records.delete(id);
      digest = undefined;
    },
    recheck() {
      const bad = [...records.values()].flatMap((record) => {
        try {
          deps.verify(record.credential, record.agentId);
          return [];
        } catch (error) {
          return [{ agentId: record.agentId, error }];
        }
      });
      for (const { agentId: id } of bad) records.delete(id);
      digest = undefined;
      return bad;
    },
    digest: () => (digest ??= canonicalHash([...records.values()].sort((a, b) => (a.agentId < b.agentId ? -1 : 1)))),
  };
}

/** When a credential that has been verified was issued, in seconds since the epoch. */
const issuedAt = (credential: string): number => membershipClaims.parse(unverifiedPayloadOf(credential)).iat;
