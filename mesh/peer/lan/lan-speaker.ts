/**
 * Asks and answers on one interface, so that agents find each other with as little traffic as can be. Pure but for clock, randomness and the link.
 * Source: RFC 6762, 5.2 (asking), 6 (answering), 7 (suppression), 8.3 (announcing), 10.1 (goodbye); decision 0080.
 */
import type { QueryPacket, ResponsePacket } from "multicast-dns";
import type { Clock, Random } from "../../contract/ports.ts";
import {
  CLAIM_TTL_S,
  claimRecords,
  type HeardQuestion,
  instanceOf,
  type KnownAnswer,
  type LanClaim,
  questionPackets,
  readClaims,
  readQuestion,
} from "./lan-records.ts";

/** First wait before the question is repeated; doubles up to {@link ASK_ALONE_MS} or {@link ASK_SETTLED_MS}. */
const ASK_FIRST_MS = 1_000;
/** Longest wait between two questions while few members are known. */
export const ASK_ALONE_MS = 120_000;
/** Wait between two questions once enough are known: only for those whom nobody knows, after two halves of a network were joined. */
export const ASK_SETTLED_MS = 900_000;
/** Connected members from which on an agent learns of the others from them. */
export const ENOUGH_MEMBERS = 3;
/** Bounds of the random wait before anything that many may say at once. */
const JITTER_MS = { least: 20, most: 120 };
/** The same where the question's further known answers are still to come. */
const TRUNCATED_JITTER_MS = { least: 400, most: 500 };
/** A record is multicast at most once in this time. */
const RESPONSE_INTERVAL_MS = 1_000;
/** Claims that are remembered, for the known answers. */
const MAX_CLAIMS = 1_024;
/** Stands among the askers for an announcement, which nobody asked for. */
const EVERYBODY = "";

/** What is sent on one interface. */
export interface LanSpeech {
  query(packet: ReturnType<typeof questionPackets>[number]): void;
  respond(packet: ReturnType<typeof claimRecords>): void;
}

/** What a speaker needs. */
export interface LanSpeakerDeps {
  /** Name of the organisation's service. */
  readonly service: string;
  /** Address that this agent's own packets come from: it hears them too. */
  readonly source: string;
  /** What to say of this agent on this interface; undefined where it can't be reached there. */
  own(): LanClaim | undefined;
  /** Whether an agent is connected and has proven its membership: only such answers need not come again. */
  isMember(agentId: string): boolean;
  /** Members that are connected. */
  memberCount(): number;
  /** Somebody claims to be there. */
  onClaim(claim: LanClaim): void;
  readonly speech: LanSpeech;
  readonly clock: Clock;
  readonly random: Random;
}

/** Asks and answers on one interface. */
export interface LanSpeaker {
  /** A query was heard. @param source address of its sender */
  hearQuery(packet: QueryPacket, source: string): void;
  /** A response was heard. */
  hearResponse(packet: ResponsePacket): void;
  /** Says who is here and asks from the beginning: at the start, after sleep, with new addresses. */
  restart(): void;
  /** Says goodbye and falls silent. */
  close(): void;
}

interface Known {
  readonly agentId: string | undefined;
  readonly expiresAt: number;
}

/** A speaker that says nothing until {@link LanSpeaker.restart}. */
export function createLanSpeaker(deps: LanSpeakerDeps): LanSpeaker {
  const { clock, service, speech } = deps;
  const claims = new Map<string, Known>();
  /** For whom the planned answer is: sources of questions, or {@link EVERYBODY}. */
  const askers = new Set<string>();
  let askWaitMs = ASK_FIRST_MS;
  let echoComes = false;
  let lastAnswerAt = Number.NEGATIVE_INFINITY;
  let said: LanClaim | undefined;
  let cancelAsk = (): void => undefined;
  let cancelAnswer: (() => void) | undefined;
  let cancelRepeat = (): void => undefined;
  let closed = false;

  const unit = (): number => Buffer.from(deps.random.bytes(4)).readUInt32BE(0) / 2 ** 32;
  const between = ({ least, most }: { least: number; most: number }): number => least + (most - least) * unit();

  /** Answers that need not come again for a good while: of members, with more than half of their time left. */
  function knownAnswers(): KnownAnswer[] {
    const known: KnownAnswer[] = [];
    for (const [instance, { agentId, expiresAt }] of claims) {
      const ttlS = Math.floor((expiresAt - clock.now()) / 1_000);
      if (ttlS <= 0) claims.delete(instance);
      else if (ttlS > CLAIM_TTL_S / 2 && agentId !== undefined && deps.isMember(agentId)) known.push({ instance, ttlS });
    }
    return known;
  }

  function ask(): void {
    echoComes = true;
    for (const packet of questionPackets(service, knownAnswers())) speech.query(packet);
    planAsk();
  }

  function planAsk(): void {
    cancelAsk();
    cancelAsk = clock.after(askWaitMs * (0.8 + 0.4 * unit()), ask);
    const settled = deps.memberCount() >= ENOUGH_MEMBERS && askWaitMs >= ASK_ALONE_MS;
    askWaitMs = settled ? ASK_SETTLED_MS : Math.min(askWaitMs * 2, ASK_ALONE_MS);
  }

  function answer(): void {
    cancelAnswer = undefined;
    askers.clear();
    const claim = deps.own();
    if (claim === undefined) return;
    if (said !== undefined && instanceOf(service, said) !== instanceOf(service, claim)) speech.respond(claimRecords(service, said, 0));
    said = claim;
    lastAnswerAt = clock.now();
    speech.respond(claimRecords(service, claim));
  }

  function planAnswer(asker: string, waitMs: number): void {
    if (closed) return;
    askers.add(asker);
    const soonest = lastAnswerAt + RESPONSE_INTERVAL_MS - clock.now();
    cancelAnswer ??= clock.after(Math.max(waitMs, soonest), answer);
  }

  function isKnownTo({ known }: HeardQuestion): boolean {
    const claim = deps.own();
    if (claim === undefined) return true;
    const instance = instanceOf(service, claim);
    return known.some((one) => one.instance === instance && one.ttlS >= CLAIM_TTL_S / 2);
  }

  /** Another's question is as good as one's own where it would bring all that one's own would. */
  function standsForOurs({ known }: HeardQuestion): boolean {
    const ours = new Set(knownAnswers().map(({ instance }) => instance));
    const claim = deps.own();
    if (claim !== undefined) ours.add(instanceOf(service, claim));
    return known.every(({ instance }) => ours.has(instance));
  }

  /** Whether it is likely this agent's own question. Where it was another's of the same machine, the echo is answered in its place. */
  function isEcho({ asks }: HeardQuestion, source: string): boolean {
    if (!asks || !echoComes || source !== deps.source) return false;
    echoComes = false;
    return true;
  }

  /** More known answers of a question that waits: the answer may not be needed after all. */
  function withdraw(source: string): void {
    if (!askers.delete(source) || askers.size > 0) return;
    cancelAnswer?.();
    cancelAnswer = undefined;
  }

  function remember(instance: string, ttlS: number, claim: LanClaim | undefined): void {
    const before = claims.get(instance);
    claims.delete(instance);
    if (ttlS === 0 || claims.size >= MAX_CLAIMS) return;
    const expiresAt = clock.now() + Math.min(ttlS, CLAIM_TTL_S) * 1_000;
    claims.set(instance, { agentId: claim?.agentId ?? before?.agentId, expiresAt });
  }

  return {
    hearQuery(packet, source) {
      const question = closed ? undefined : readQuestion(service, packet);
      if (question === undefined || isEcho(question, source)) return;
      if (isKnownTo(question)) {
        withdraw(source);
      } else if (question.asks) {
        planAnswer(source, between(question.truncated ? TRUNCATED_JITTER_MS : JITTER_MS));
      }
      if (question.asks && standsForOurs(question)) planAsk();
    },
    hearResponse(packet) {
      if (closed) return;
      const own = deps.own();
      for (const { instance, ttlS, claim } of readClaims(service, packet)) {
        if (own !== undefined && claim?.agentId === own.agentId) continue;
        remember(instance, ttlS, claim);
        if (ttlS > 0 && claim !== undefined) deps.onClaim(claim);
      }
    },
    restart() {
      if (closed) return;
      askWaitMs = ASK_FIRST_MS;
      cancelAsk();
      cancelAsk = clock.after(between(JITTER_MS), ask);
      planAnswer(EVERYBODY, between(JITTER_MS));
      // Once more, since the first may be lost.
      cancelRepeat();
      cancelRepeat = clock.after(RESPONSE_INTERVAL_MS + between(JITTER_MS), () => planAnswer(EVERYBODY, 0));
    },
    close() {
      if (closed) return;
      closed = true;
      cancelAsk();
      cancelAnswer?.();
      cancelRepeat();
      if (said !== undefined) speech.respond(claimRecords(service, said, 0));
    },
  };
}
