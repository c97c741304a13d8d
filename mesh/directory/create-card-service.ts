/** Cards and load of one agent, put together: its book, its own card, the spread and the heartbeat over one channel between members. Sans-IO. */
import { errorCode, type GaggleError } from "../contract/errors.ts";
import type { Clock, OrderedStore, Random, Signer } from "../contract/ports.ts";
import { type CardBook, createCardBook } from "./card-book.ts";
import { type CardLink, createCardSpread } from "./card-spread.ts";
import { createCardStore } from "./card-store.ts";
import type { Beat } from "./card-wire.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { createOwnCard, type OwnContent } from "./own-card.ts";
import type { VerifyMember } from "./signed-card.ts";

/** What the service needs. */
export interface CardServiceDeps {
  readonly org: string;
  readonly ownId: string;
  readonly signer: Signer;
  /** Checks a membership credential as of a time, by the newest bundle. @throws GaggleError */
  readonly verify: VerifyMember;
  /** What this agent says about itself. @throws GaggleError where there is no valid bundle */
  content(): OwnContent;
  load(): Beat;
  readonly link: CardLink;
  readonly store: Pick<OrderedStore, "get" | "range" | "batch">;
  readonly clock: Clock;
  readonly random: Random;
  /** Counts cards that did not count. */
  onRefused(from: string, code: string): void;
  readonly log: { warn(details: object, text: string): void };
  /** The newest signed head of the bootstrap node's audit log, and what to do with a member's. */
  readonly auditLog?: { head(): string | undefined; hear(head: string, from: string): void } | undefined;
}

/** Cards and load. */
export interface CardService {
  readonly book: Pick<CardBook, "all" | "get">;
  /** An agent's load, this one's included; undefined where nothing fresh is known. */
  loadOf(agentId: string): Beat | undefined;
  /** Answers a member's frame. @throws GaggleError */
  serve(frame: Uint8Array, from: string): Promise<Uint8Array>;
  met(agentId: string): void;
  gone(agentId: string): void;
  /** There is a new bundle or credential: cards are checked by it, and this agent's own is signed anew where it says something else now. */
  trustChanged(): void;
  /** Signs a card that says that this agent takes no more work, and tells it. */
  leave(): void;
  start(): void;
  stop(): void;
}

/** Takes up the cards of the last run; tells nobody before it is started. */
export async function createCardService(deps: CardServiceDeps): Promise<CardService> {
  const { clock, random, link, log, ownId, org, verify } = deps;
  const cards = createCardStore(deps.store);
  const keep = (work: Promise<void>): void =>
    void work.catch((error: GaggleError) => log.warn({ code: errorCode(error) }, "a card could not be saved; it is learned again"));

  const book = createCardBook({
    org,
    ownId,
    verify,
    clock,
    onChange: ({ agentId, card }) => {
      if (agentId !== ownId) keep(card === undefined ? cards.remove(agentId) : cards.save(card));
    },
    onOwnNewer: (seq) => own.outdone(seq),
  });
  const spread = createCardSpread({
    book,
    link,
    clock,
    random,
    onBeat: (from, beat) => heartbeat.take(from, beat),
    onRefused: deps.onRefused,
    logHead: deps.auditLog?.head,
    onLogHead: (from, head) => deps.auditLog?.hear(head, from),
  });
  const own = createOwnCard({ ...deps, book, publish: spread.publish });
  const concurrency = (): number => book.get(ownId)?.facts.concurrency ?? 1;
  const heartbeat = createHeartbeat({ link, clock, random, load: deps.load, concurrency });
  let started = false;

  for (const raw of await cards.load()) {
    try {
      book.take(raw);
    } catch (error) {
      log.warn({ code: errorCode(error) }, "a kept card does not count any more");
    }
  }

  const met = (agentId: string): void => {
    spread.met(agentId);
    heartbeat.met(agentId);
  };

  return {
    book,
    loadOf: (agentId) => (agentId === ownId ? deps.load() : heartbeat.of(agentId)),
    serve: spread.serve,
    met: (agentId) => void (started && met(agentId)),
    gone: heartbeat.gone,
    trustChanged() {
      book.sweep();
      own.refresh();
    },
    leave: own.leave,
    start() {
      started = true;
      own.refresh();
      spread.start();
      heartbeat.start();
      for (const id of link.members()) met(id);
    },
    stop() {
      started = false;
      spread.stop();
      heartbeat.stop();
    },
  };
}
