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
import { readStatement } from "./peer-statement.ts";
import { MAX_KNOWN_PEERS, MAX_STATEMENT_BYTES } from "./protocols.ts";

/** A member as members tell each other of it. */
export const sharedPeer = z.strictObject({
  agentId,
  credential: z.string().max(4_096),
  /** See {@link readStatement}. */
  statement: z.string().max(MAX_STATEMENT_BYTES),
});
/** A member as members tell each other of it. */
export type SharedPeer = z.infer<typeof sharedPeer>;

/** A member that this node knows of. */
export interface PeerRecord {
  readonly agentId: string;
  readonly addresses: readonly string[];
  readonly credential: string;
  /** When it last stated its addresses itself, by its own clock, ms since the epoch. */
  readonly seenAt: number;
  /** The signed form of `addresses` and `seenAt`. Without it, which only a hello can be, others are not told. */
  readonly statement?: string;
}

/** A record from what a member tells of another. @throws GaggleError where that one did not sign it */
export function recordOf({ agentId: id, credential, statement }: SharedPeer, { org, now }: { org: string; now: number }): PeerRecord {
  const { addresses, seq } = readStatement(statement, { org, agent: id, now });
  return { agentId: id, credential, statement, addresses, seenAt: seq };
}

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
  /** What others are told. */
  shared(): SharedPeer[];
  /** Whether exactly this is known already, so that it need not be verified again. */
  has(shared: SharedPeer): boolean;
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
    return { ...stated, credential: credited.credential };
  }

  const shared = (): SharedPeer[] =>
    [...records.values()]
      .toSorted((a, b) => b.seenAt - a.seenAt)
      .flatMap(({ agentId: id, credential, statement }) => (statement === undefined ? [] : [{ agentId: id, credential, statement }]));

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
    shared,
    has: ({ agentId: id, credential, statement }) => {
      const known = records.get(id);
      return known?.credential === credential && known.statement === statement;
    },
    digest: () => (digest ??= canonicalHash(shared().sort((a, b) => (a.agentId < b.agentId ? -1 : 1)))),
  };
}

/** When a credential that has been verified was issued, in seconds since the epoch. */
const issuedAt = (credential: string): number => membershipClaims.parse(unverifiedPayloadOf(credential)).iat;
