/**
 * Spreads cards between members: news of a change goes to a few members, who ask for what they lack and pass the news on (rumour by notice), and in
 * rounds each compares its book with one member's (anti-entropy), which finds whatever the news missed. Sans-IO.
 * Source: docs/decisions/0091-spread-of-cards.md
 */
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Clock, Random } from "../contract/ports.ts";
import type { CardBook, CardEntry } from "./card-book.ts";
import {
  type Beat,
  type CardQuestion,
  type CardReply,
  encodeCards,
  inFrames,
  MAX_WANTED,
  readCardQuestion,
  readCardReply,
  toldEntries,
} from "./card-wire.ts";
import type { VerifiedCard } from "./signed-card.ts";

/** Members that each news is told to by each who hears it first. */
export const NEWS_FANOUT = 6;
/** News that come together are told together. */
const NEWS_DELAY_MS = 50;
/** Wait between two comparisons; jittered by half. */
const COMPARE_INTERVAL_MS = 2_000;
/** Comparisons at a time. */
const MAX_COMPARING = 2;
/** Wait between two checks of all cards for expiry and trust. */
const SWEEP_INTERVAL_MS = 60_000;
/** Agents never heard of before that are taken from one member in a minute. */
const MAX_STRANGE_PER_MINUTE = 1_000;
/** Forged cards after which a member's cards are not looked at for {@link MUTE_MS}. */
const MAX_FORGED = 8;
const MUTE_MS = 600_000;
const MINUTE_MS = 60_000;
/** A card that was asked for is not asked of another member for this long: many tell the same news at once. */
const ASKED_MS = 1_000;

/** The way to connected members. */
export interface CardLink {
  /** Agent ids of connected members that are colleagues. */
  members(): readonly string[];
  /** Resolves with the member's answer. @throws GaggleError where it isn't connected or fails */
  request(agentId: string, frame: Uint8Array): Promise<Uint8Array>;
}

/** What spreading needs. */
export interface CardSpreadDeps {
  readonly book: CardBook;
  readonly link: CardLink;
  readonly clock: Clock;
  readonly random: Random;
  onBeat(from: string, beat: Beat): void;
  /** A member told the newest signed head of the bootstrap node's audit log that it has. */
  onLogHead?: ((from: string, head: string) => void) | undefined;
  /** The one that this agent has. */
  logHead?: (() => string | undefined) | undefined;
  /** A card did not count; `code` says why. */
  onRefused(from: string, code: string): void;
  /** Members that news is told to; default: {@link NEWS_FANOUT}. */
  readonly fanout?: number | undefined;
}

/** Spreads cards. */
export interface CardSpread {
  /** Answers a member's frame. @throws GaggleError INVALID_INPUT, BUSY */
  serve(frame: Uint8Array, from: string): Promise<Uint8Array>;
  /** A member is connected: compare books with it. */
  met(agentId: string): void;
  /** This agent's own card is new. */
  publish(card: VerifiedCard): void;
  /** Starts the rounds. */
  start(): void;
  stop(): void;
}

interface Source {
  minute: number;
  strange: number;
  forged: number;
  mutedUntil: number;
}

/** Starts nothing yet. */
export function createCardSpread(deps: CardSpreadDeps): CardSpread {
  const { book, link, clock } = deps;
  const sources = new Map<string, Source>();
  const toCompare = new Set<string>();
  const untold = new Map<string, string | undefined>();
  const asked = new Map<string, number>();
  let comparing = 0;
  let stopped = false;
  let cancelRound = (): void => undefined;
  let cancelNews: (() => void) | undefined;
  let sweptAt = clock.now();

  const draw = (below: number): number => Math.floor((Buffer.from(deps.random.bytes(4)).readUInt32BE(0) / 2 ** 32) * below);

  /** Some of the members, each as likely. */
  const pick = (count: number, but?: string): string[] => {
    const left = link.members().filter((id) => id !== but);
    const chosen: string[] = [];
    while (chosen.length < count && left.length > 0) chosen.push(...left.splice(draw(left.length), 1));
    return chosen;
  };

  const ask = async (agentId: string, question: CardQuestion): Promise<CardReply> =>
    readCardReply(await link.request(agentId, encodeCards(question)));

  const sourceOf = (agentId: string): Source => {
    const known = sources.get(agentId) ?? { minute: 0, strange: 0, forged: 0, mutedUntil: 0 };
    sources.set(agentId, known);
    const minute = Math.floor(clock.now() / MINUTE_MS);
    if (known.minute !== minute) Object.assign(known, { minute, strange: 0 });
    return known;
  };

  const onBad = (from: string, error: unknown): void => {
    const code = errorCode(error);
    deps.onRefused(from, code);
    // Another bundle or clock makes honest members differ about the rest.
    if (code !== "CREDENTIAL_INVALID" && code !== "TOO_LARGE") return;
    const source = sourceOf(from);
    source.forged++;
    if (source.forged >= MAX_FORGED) Object.assign(source, { forged: 0, mutedUntil: clock.now() + MUTE_MS });
  };

  /** @param tellOn whether others are told: what comes as news is, what a comparison finds is not, since the others compare too */
  const take = (cards: readonly unknown[], from: string, tellOn: boolean): void => {
    const source = sourceOf(from);
    for (const raw of cards) {
      if (clock.now() < source.mutedUntil || source.strange >= MAX_STRANGE_PER_MINUTE) return;
      try {
        const known = book.size();
        const taken = book.take(raw);
        if (book.size() > known) source.strange++;
        if (taken !== undefined && tellOn) tell(taken.facts.agentId, from);
      } catch (error) {
        onBad(from, error);
      }
    }
  };

  const cardsOf = (ids: readonly string[]): VerifiedCard["card"][] => ids.flatMap((id) => book.get(id)?.card ?? []);

  const give = async (agentId: string, ids: readonly string[]): Promise<void> => {
    for (const cards of inFrames(cardsOf(ids))) await ask(agentId, { v: 1, kind: "cards", cards: cards as never });
  };

  const fetch = async (agentId: string, ids: readonly string[]): Promise<void> => {
    for (let at = 0; at < ids.length; at += MAX_WANTED) {
      const answer = await ask(agentId, { v: 1, kind: "want", ids: ids.slice(at, at + MAX_WANTED) });
      if (answer.kind === "cards") take(answer.cards, agentId, false);
    }
  };

  /** Tells one member; it asks for what it lacks. */
  const tellOne = async (agentId: string, entries: readonly CardEntry[]): Promise<void> => {
    const answer = await ask(agentId, { v: 1, kind: "news", entries: toldEntries(entries) });
    if (answer.kind === "want")
      await give(
        agentId,
        answer.ids.filter((id) => entries.some(([told]) => told === id)),
      );
  };

  /** Which of the told cards to ask for now. */
  const wantedNow = (entries: readonly CardEntry[]): string[] => {
    const now = clock.now();
    for (const [key, at] of asked) if (at + ASKED_MS <= now) asked.delete(key);
    const fresh = book.wanted(entries.filter((entry) => !asked.has(entry.join(" ")))).slice(0, MAX_WANTED);
    for (const entry of entries) if (fresh.includes(entry[0])) asked.set(entry.join(" "), now);
    return fresh;
  };

  /** What fails is found by a comparison. */
  const quietly = (work: Promise<void>): void => void work.catch(() => undefined);

  const tellAll = (): void => {
    cancelNews = undefined;
    const news = [...untold].flatMap(([id, from]) => {
      const entry = book.entryOf(id);
      return entry === undefined ? [] : [{ entry, from }];
    });
    untold.clear();
    if (news.length === 0 || stopped) return;
    const only = news.length === 1 ? news[0]?.from : undefined;
    const entries = news.map(({ entry }) => entry);
    for (const id of pick(deps.fanout ?? NEWS_FANOUT, only)) quietly(tellOne(id, entries));
  };

  const tell = (agentId: string, from: string | undefined): void => {
    untold.set(agentId, from);
    cancelNews ??= clock.after(NEWS_DELAY_MS, tellAll);
  };

  const compare = async (agentId: string): Promise<void> => {
    const digests = book.digests();
    const answer = await ask(agentId, { v: 1, kind: "compare", digests });
    if (answer.kind !== "entries" || answer.buckets.length === 0) return;
    await fetch(agentId, book.wanted(answer.entries));
    await give(agentId, book.offers(answer.entries, answer.buckets));
  };

  const pump = (): void => {
    for (const id of toCompare) {
      if (comparing >= MAX_COMPARING || stopped) return;
      toCompare.delete(id);
      comparing++;
      const ended = (): void => {
        comparing--;
        pump();
      };
      compare(id).then(ended, ended);
    }
  };

  const met = (agentId: string): void => {
    toCompare.add(agentId);
    pump();
  };

  /** Two members that were shown different histories of the audit find it out so. */
  const compareHeads = async (agentId: string): Promise<void> => {
    const answer = await ask(agentId, { v: 1, kind: "log", head: deps.logHead?.() ?? null });
    if (answer.kind === "log" && answer.head !== null) deps.onLogHead?.(agentId, answer.head);
  };

  const sweep = (): void => {
    if (clock.now() < sweptAt + SWEEP_INTERVAL_MS) return;
    sweptAt = clock.now();
    if (deps.logHead !== undefined) for (const id of pick(1)) quietly(compareHeads(id));
    book.sweep();
    const connected = new Set(link.members());
    for (const [id, { mutedUntil }] of sources) if (!connected.has(id) && clock.now() >= mutedUntil) sources.delete(id);
  };

  const plan = (): void => {
    if (stopped) return;
    cancelRound = clock.after(COMPARE_INTERVAL_MS * (0.5 + draw(1_000) / 1_000), () => {
      sweep();
      for (const id of pick(1)) met(id);
      plan();
    });
  };

  const answerTo = (question: CardQuestion, from: string): CardReply => {
    switch (question.kind) {
      case "compare": {
        const mine = book.digests();
        const buckets = mine.flatMap((digest, bucket) => (digest === question.digests[bucket] ? [] : [bucket]));
        return { v: 1, kind: "entries", buckets, entries: toldEntries(book.entries(buckets)) };
      }
      case "news":
        if (clock.now() < sourceOf(from).mutedUntil) return { v: 1, kind: "ok" };
        return { v: 1, kind: "want", ids: wantedNow(question.entries) };
      case "want":
        return { v: 1, kind: "cards", cards: (inFrames(cardsOf(question.ids))[0] ?? []) as never };
      case "cards":
        take(question.cards, from, true);
        return { v: 1, kind: "ok" };
      case "beat":
        deps.onBeat(from, question.beat);
        return { v: 1, kind: "ok" };
      case "log":
        if (question.head !== null) deps.onLogHead?.(from, question.head);
        return { v: 1, kind: "log", head: deps.logHead?.() ?? null };
    }
  };

  return {
    async serve(frame, from) {
      if (stopped) throw new GaggleError("BUSY", "The agent is shutting down.");
      return encodeCards(answerTo(readCardQuestion(frame), from));
    },
    met,
    publish: (card) => tell(card.facts.agentId, undefined),
    start: plan,
    stop() {
      stopped = true;
      cancelRound();
      cancelNews?.();
      toCompare.clear();
      asked.clear();
    },
  };
}
