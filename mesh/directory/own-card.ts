/** This agent's own card: signed anew when what it says changes or half its life is over, always under a higher number. Sans-IO. */
import type { CardFacts } from "../contract/agent-card.ts";
import { errorCode } from "../contract/errors.ts";
import { canonicalHash } from "../contract/json.ts";
import { CARD_LIFETIME_MS } from "../contract/limits.ts";
import type { Clock, OrderedStore, Signer } from "../contract/ports.ts";
import type { CardBook } from "./card-book.ts";
import { type CardContent, signCard, type VerifiedCard } from "./signed-card.ts";

const SEQ_KEY = "directory/seq";

/** What the agent says about itself; the card's number, times and state are added here. */
export type OwnContent = Omit<CardContent, "facts"> & { readonly facts: Omit<CardFacts, "seq" | "issuedAt" | "expiresAt" | "state"> };

/** What the own card needs. */
export interface OwnCardDeps {
  /** @throws GaggleError where there is no valid bundle: then the card that is out stays as it is */
  content(): OwnContent;
  readonly signer: Signer;
  readonly book: Pick<CardBook, "putOwn">;
  readonly store: Pick<OrderedStore, "get" | "batch">;
  readonly clock: Clock;
  publish(card: VerifiedCard): void;
  readonly log: { warn(details: object, text: string): void };
}

/** This agent's own card. */
export interface OwnCard {
  /** Signs a new card where something changed or the old one is old. Call after each new bundle or credential, and now and then. */
  refresh(): void;
  /** Somebody knows a newer card of this agent than it does itself, as after its home was restored from a backup: the next is newer still. */
  outdone(seq: number): void;
  /** The agent leaves: its card says so, to all who hear of it. */
  leave(): void;
}

/** Signs nothing yet. */
export function createOwnCard(deps: OwnCardDeps): OwnCard {
  let signed: { hash: string; issuedAt: number } | undefined;
  let last = Number(deps.store.get(SEQ_KEY) ?? 0);

  const remember = (error: unknown): void =>
    deps.log.warn({ code: errorCode(error) }, "the number of this agent's card could not be saved; the time takes its place");

  const issue = (content: OwnContent, state: CardFacts["state"]): void => {
    const now = deps.clock.now();
    // The time as a floor: a store that was lost or restored does not bring old numbers back.
    last = Math.max(last + 1, now);
    deps.store.batch([{ type: "put", key: SEQ_KEY, value: String(last) }], { sync: false }).catch(remember);
    const facts = { ...content.facts, state, seq: last, issuedAt: now, expiresAt: now + CARD_LIFETIME_MS };
    const skills = state === "left" ? [] : content.skills;
    deps.publish(deps.book.putOwn(signCard({ ...content, skills, facts }, deps.signer)));
    signed = { hash: canonicalHash(content), issuedAt: now };
  };

  const issueQuietly = (state: CardFacts["state"], force: boolean): void => {
    try {
      const content = deps.content();
      const isOld = signed === undefined || deps.clock.now() - signed.issuedAt > CARD_LIFETIME_MS / 2;
      if (force || isOld || signed?.hash !== canonicalHash(content)) issue(content, state);
    } catch (error) {
      deps.log.warn({ code: errorCode(error) }, "this agent's card could not be signed; others go on with the last one");
    }
  };

  return {
    refresh: () => issueQuietly("active", false),
    outdone(seq) {
      last = Math.max(last, seq);
      issueQuietly("active", true);
    },
    leave: () => issueQuietly("left", true),
  };
}
