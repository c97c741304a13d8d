/**
 * The newest card of every agent, each verified when it came in, and the digests by which two books are compared. Pure but for the clock.
 * Of two cards of an agent the one with the higher number counts (at the same number the one with the higher hash, so that all agree), so nobody
 * but the agent itself can change its card, and nobody can bring an old one back.
 */
import type { AgentCard } from "../contract/agent-card.ts";
import { type ErrorCode, errorCode, GaggleError } from "../contract/errors.ts";
import { sha256Hex } from "../contract/json.ts";
import type { Clock } from "../contract/ports.ts";
import { factsOf, hashOfCard, memberOf, readCard, type VerifiedCard, type VerifyMember, verifyCard } from "./signed-card.ts";

/** Parts in which two books are compared. */
export const CARD_BUCKETS = 32;
/** Cards that are kept. */
export const MAX_CARDS = 2_000;
/** Agents of one person: more devices than anyone has. */
const MAX_AGENTS_PER_SUBJECT = 16;
/** Cards that were refused and are not asked for again until trust changes. */
const MAX_REFUSED = 1_000;
/** What the newest bundle can say against a card that counted before. */
const UNTRUSTED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["REVOKED", "NOT_A_MEMBER", "CREDENTIAL_INVALID", "CREDENTIAL_EXPIRED"]);
/** Hex digits of a card's hash that are told. */
const TOLD_HASH = 16;

/** What a book says about a card: agent, number, beginning of its hash. */
export type CardEntry = readonly [agentId: string, seq: number, hash: string];

/** What the book needs. */
export interface CardBookDeps {
  readonly org: string;
  readonly ownId: string;
  readonly verify: VerifyMember;
  readonly clock: Clock;
  /** A card came in or went. */
  onChange(change: { readonly type: "put" | "del"; readonly agentId: string; readonly card?: VerifiedCard }): void;
  /** Somebody has a card of this very agent that is newer than its own: it lost count and must sign a newer one. */
  onOwnNewer(seq: number): void;
}

/** The newest card of every agent. */
export interface CardBook {
  /**
   * Takes a card where it is newer.
   * @returns the card where it is new here, else undefined
   * @throws GaggleError why it does not count; BUSY where there is no room for another agent
   */
  take(raw: unknown): VerifiedCard | undefined;
  /** This agent's own card, made here. */
  putOwn(card: AgentCard): VerifiedCard;
  get(agentId: string): VerifiedCard | undefined;
  all(): VerifiedCard[];
  size(): number;
  /** One short digest a bucket; equal on two sides that know the same. */
  digests(): string[];
  /** The entries of some buckets. */
  entries(buckets: readonly number[]): CardEntry[];
  entryOf(agentId: string): CardEntry | undefined;
  /** Which of another book's entries are newer than what is known here and not refused before. */
  wanted(entries: readonly CardEntry[]): string[];
  /** Which cards here are newer than another book's entries, or missing there, within the buckets that the entries are of. */
  offers(entries: readonly CardEntry[], buckets: readonly number[]): string[];
  /** Drops what has expired or is not trusted any more; call in rounds and after each new bundle. */
  sweep(): void;
}

/** The bucket of an agent. */
export const bucketOf = (agentId: string): number => Number.parseInt(sha256Hex(agentId).slice(0, 4), 16) % CARD_BUCKETS;

const isNewer = (seq: number, hash: string, than: CardEntry | undefined): boolean =>
  than === undefined || seq > than[1] || (seq === than[1] && hash.slice(0, TOLD_HASH) > than[2]);

const byId = ([a]: CardEntry, [b]: CardEntry): number => (a < b ? -1 : Number(a > b));

/** An empty book. */
export function createCardBook(deps: CardBookDeps): CardBook {
  const cards = new Map<string, VerifiedCard>();
  const buckets = Array.from({ length: CARD_BUCKETS }, () => new Map<string, CardEntry>());
  const digests: (string | undefined)[] = [];
  const refused = new Set<string>();

  const inBucket = (agentId: string): Map<string, CardEntry> => buckets[bucketOf(agentId)] ?? new Map<string, CardEntry>();
  const entryOf = (agentId: string): CardEntry | undefined => inBucket(agentId).get(agentId);

  const put = (card: VerifiedCard): VerifiedCard => {
    const { agentId, seq } = card.facts;
    cards.set(agentId, card);
    inBucket(agentId).set(agentId, [agentId, seq, card.hash.slice(0, TOLD_HASH)]);
    digests[bucketOf(agentId)] = undefined;
    deps.onChange({ type: "put", agentId, card });
    return card;
  };

  const drop = (agentId: string): void => {
    cards.delete(agentId);
    inBucket(agentId).delete(agentId);
    digests[bucketOf(agentId)] = undefined;
    deps.onChange({ type: "del", agentId });
  };

  const refuse = (agentId: string, seq: number, hash: string): void => {
    const [oldest] = refused;
    if (refused.size >= MAX_REFUSED && oldest !== undefined) refused.delete(oldest);
    refused.add(`${agentId} ${seq} ${hash.slice(0, TOLD_HASH)}`);
  };

  const checkRoom = (card: VerifiedCard): void => {
    if (cards.has(card.facts.agentId)) return;
    const devices = [...cards.values()].filter(({ facts }) => facts.subject === card.facts.subject).length;
    if (cards.size < MAX_CARDS && devices < MAX_AGENTS_PER_SUBJECT) return;
    throw new GaggleError("BUSY", "There is no room for the card of another agent.", { details: { known: cards.size, devices } });
  };

  const verified = (card: AgentCard, hash: string): VerifiedCard => {
    try {
      const made = verifyCard(card, { org: deps.org, nowMs: deps.clock.now(), verify: deps.verify });
      checkRoom(made);
      return made;
    } catch (error) {
      const { agentId, seq } = factsOf(card);
      // A clock that is set right makes the same card good.
      if (errorCode(error) !== "CLOCK_SKEW") refuse(agentId, seq, hash);
      throw error;
    }
  };

  const digestOf = (bucket: number): string => {
    const entries = [...(buckets[bucket]?.values() ?? [])].sort(byId);
    return sha256Hex(entries.map((entry) => entry.join(" ")).join("\n")).slice(0, TOLD_HASH);
  };

  const isGood = ({ facts }: VerifiedCard): boolean => {
    if (deps.clock.now() >= facts.expiresAt) return false;
    try {
      memberOf(facts, deps.verify);
      return true;
    } catch (error) {
      // Without a valid bundle of its own an agent can't judge, and goes on knowing whom it knew.
      return !UNTRUSTED.has(errorCode(error));
    }
  };

  return {
    take(raw) {
      const card = readCard(raw);
      const { agentId, seq } = factsOf(card);
      const hash = hashOfCard(card);
      if (!isNewer(seq, hash, entryOf(agentId))) return undefined;
      const made = verified(card, hash);
      if (agentId !== deps.ownId) return put(made);
      deps.onOwnNewer(seq);
      return undefined;
    },
    putOwn: (card) => put(verifyCard(card, { org: deps.org, nowMs: deps.clock.now(), verify: deps.verify })),
    get: (agentId) => cards.get(agentId),
    all: () => [...cards.values()],
    size: () => cards.size,
    digests: () => buckets.map((_, bucket) => (digests[bucket] ??= digestOf(bucket))),
    entries: (wanted) => wanted.flatMap((bucket) => [...(buckets[bucket]?.values() ?? [])].sort(byId)),
    entryOf,
    wanted: (entries) =>
      entries
        .filter(([agentId, seq, hash]) => isNewer(seq, hash, entryOf(agentId)) && !refused.has(`${agentId} ${seq} ${hash}`))
        .map(([agentId]) => agentId),
    offers(entries, within) {
      const theirs = new Map(entries.map((entry) => [entry[0], entry]));
      const mine = within.flatMap((bucket) => [...(buckets[bucket]?.values() ?? [])].sort(byId));
      return mine.filter(([agentId, seq, hash]) => isNewer(seq, hash, theirs.get(agentId))).map(([agentId]) => agentId);
    },
    sweep() {
      refused.clear();
      const bad = [...cards.values()].filter((card) => card.facts.agentId !== deps.ownId && !isGood(card));
      for (const { facts } of bad) drop(facts.agentId);
    },
  };
}
