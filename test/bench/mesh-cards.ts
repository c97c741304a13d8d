/**
 * How fast a changed card reaches everyone, and what it costs: 500 agents in a simulation of the real spread on a virtual clock, for several
 * fan-outs, with and without losses; and real peer nodes on loopback with real signatures. Part of `npm run bench:mesh`.
 */
import type { Clock } from "../../mesh/contract/ports.ts";
import { CARD_BUCKETS, bucketOf, type CardBook, type CardEntry } from "../../mesh/directory/card-book.ts";
import { createCardSpread, NEWS_FANOUT } from "../../mesh/directory/card-spread.ts";
import { createCardService } from "../../mesh/directory/create-card-service.ts";
import { signCard, type VerifiedCard } from "../../mesh/directory/signed-card.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { sha256Hex } from "../../mesh/contract/json.ts";
import { createSigner } from "../../mesh/identity/keys.ts";
import { verifyMembership } from "../../mesh/identity/membership.ts";
import { createTestMember, createTestOrg } from "../support/audit-fixture.ts";
import { contentFor, recipeSkill } from "../support/card-world.ts";
import { openMemoryStore } from "../support/memory-store.ts";
import { addressOf, createTestOrganisation, startTestPeer } from "../support/peer-world.ts";
import { createRealClock, realRandom } from "../support/real-clock.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { createVirtualClock, settleMicrotasks } from "../support/virtual-clock.ts";
import { round, table } from "./table.ts";

const AGENTS = 500;
const REAL_NODES = 12;
/** Each way, uniformly: a company with several sites. */
const MAX_DELAY_MS = 40;
const LIMIT_MS = 60_000;

/** A signed card with four recipes and a real credential: what one weighs. */
function sampleCard(): unknown {
  const random = createSeededRandom(1);
  const org = createTestOrg(random);
  const member = createTestMember(org, random, { subject: "fiona.berg", role: "finance" });
  const { facts, ...content } = contentFor(org.org, member, {}, ["close", "accruals", "reconcile", "report"].map(recipeSkill));
  return signCard({ ...content, facts: { ...facts, seq: 1, state: "active", issuedAt: 1, expiresAt: 2 } }, member.signer);
}

interface LightCard {
  readonly agentId: string;
  readonly seq: number;
  readonly padding: string;
}

/** A book without signatures, so that 250,000 of them fit a bench; entries and digests are those of the real one. */
function createLightBook(cards: Map<string, LightCard>, onTaken: () => void): CardBook {
  const buckets = Array.from({ length: CARD_BUCKETS }, () => new Map<string, CardEntry>());
  const digests: (string | undefined)[] = [];
  const entry = ({ agentId, seq }: LightCard): CardEntry => [agentId, seq, sha256Hex(`${agentId} ${seq}`).slice(0, 16)];
  const put = (card: LightCard): void => {
    cards.set(card.agentId, card);
    const bucket = bucketOf(card.agentId);
    buckets[bucket]?.set(card.agentId, entry(card));
    digests[bucket] = undefined;
  };
  for (const card of cards.values()) put(card);
  const entryOf = (id: string): CardEntry | undefined => buckets[bucketOf(id)]?.get(id);
  const listOf = (bucket: number): CardEntry[] => [...(buckets[bucket]?.values() ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  const verified = (id: string): VerifiedCard | undefined => {
    const card = cards.get(id);
    return card && ({ card, facts: { agentId: id, seq: card.seq } } as unknown as VerifiedCard);
  };
  return {
    take(raw) {
      const card = raw as LightCard;
      if (card.seq <= (cards.get(card.agentId)?.seq ?? 0)) return undefined;
      put(card);
      onTaken();
      return verified(card.agentId);
    },
    putOwn: () => {
      throw new Error("not here");
    },
    get: verified,
    all: () => [],
    size: () => cards.size,
    digests: () => buckets.map((_, i) => (digests[i] ??= sha256Hex(listOf(i).map(String).join("\n")).slice(0, 16))),
    entries: (wanted) => wanted.flatMap(listOf),
    entryOf,
    wanted: (entries) => entries.filter(([id, seq]) => seq > (entryOf(id)?.[1] ?? 0)).map(([id]) => id),
    offers(entries, within) {
      const theirs = new Map(entries.map(([id, seq]) => [id, seq]));
      return within.flatMap(listOf).flatMap(([id, seq]) => (seq > (theirs.get(id) ?? 0) ? [id] : []));
    },
    sweep: () => undefined,
  };
}

interface SimResult {
  readonly fanout: number;
  readonly loss: number;
  readonly halfMs: number;
  readonly allMs: number;
  readonly bytes: number;
  readonly mostBytes: number;
  readonly idleBytesPerMinute: number;
}

/** One change among 500 agents that are all connected. */
async function simulate(fanout: number, loss: number, padding: string): Promise<SimResult> {
  const random = createSeededRandom(42);
  const clock = createVirtualClock(undefined, settleMicrotasks);
  const ids = Array.from({ length: AGENTS }, () => {
    const member = sha256Hex(random.bytes(16)).replaceAll("0", "g");
    return `12D3KooW${member.slice(0, 44)}`;
  });
  const initial = new Map(ids.map((agentId) => [agentId, { agentId, seq: 1, padding }]));
  const sent = new Map<string, number>();
  let taken = 0;
  const traffic = { bytes: 0 };
  const nodes = new Map(
    ids.map((id) => {
      const book = createLightBook(new Map(initial), () => void taken++);
      const others = ids.filter((other) => other !== id);
      const link = { members: () => others, request: (to: string, frame: Uint8Array) => carry(id, to, frame) };
      return [id, createCardSpread({ book, link, clock, random, fanout, onBeat: () => undefined, onRefused: () => undefined })] as const;
    }),
  );
  const wait = (): Promise<void> => new Promise((resolve) => void clock.after(Math.ceil(random.next() * MAX_DELAY_MS), resolve));
  const count = (who: string, bytes: number): void => {
    traffic.bytes += bytes;
    sent.set(who, (sent.get(who) ?? 0) + bytes);
  };
  const lost = (): GaggleError => new GaggleError("TIMEOUT", "The frame was lost.");
  const carry = async (from: string, to: string, frame: Uint8Array): Promise<Uint8Array> => {
    count(from, frame.length);
    await wait();
    if (random.next() < loss) throw lost();
    const answer = await nodes.get(to)?.serve(frame, from);
    if (answer === undefined) throw lost();
    count(to, answer.length);
    await wait();
    if (random.next() < loss) throw lost();
    return answer;
  };

  for (const node of nodes.values()) node.start();
  await clock.advance(4_000);
  const idleFrom = traffic.bytes;
  await clock.advance(6_000);
  const idle = traffic.bytes - idleFrom;
  const before = traffic.bytes;
  sent.clear();
  const startMs = clock.now();
  const [first = ""] = ids;
  // As a peer would hand it over: the one that changed is asked by itself.
  await nodes.get(first)?.serve(Buffer.from(JSON.stringify({ v: 1, kind: "cards", cards: [{ agentId: first, seq: 2, padding }] })), first);
  let halfMs = 0;
  while (taken < AGENTS && clock.now() - startMs < LIMIT_MS) {
    await clock.advance(5);
    if (halfMs === 0 && taken >= AGENTS / 2) halfMs = clock.now() - startMs;
  }
  const allMs = clock.now() - startMs;
  for (const node of nodes.values()) node.stop();
  const quiet = (idle / 6_000) * allMs;
  return {
    fanout,
    loss,
    halfMs,
    allMs,
    bytes: traffic.bytes - before - quiet,
    mostBytes: Math.max(...sent.values()),
    idleBytesPerMinute: (idle / 6_000 / AGENTS) * 60_000,
  };
}

/** Real nodes, real signatures: from the change until every node has verified it. */
async function measureReal(): Promise<{ joinMs: number; changesMs: number[] }> {
  const organisation = createTestOrganisation("bench of cards");
  const clock: Clock = createRealClock();
  const state = { version: 1 };
  const agents = await Promise.all(
    Array.from({ length: REAL_NODES }, async (_, i) => {
      const member = organisation.member(`agent.${i}`);
      const peer = await startTestPeer(organisation, member);
      const self = { agentId: member.agentId, subject: `agent.${i}`, role: "finance", department: "finance" };
      const service = await createCardService({
        org: organisation.org,
        ownId: member.agentId,
        signer: createSigner(member.key),
        verify: (jwt, agentId, nowMs) => verifyMembership({ jwt, agentId, nowMs, manifest: organisation.trust }),
        content: () => ({
          name: self.subject,
          description: "Of the bench",
          version: "0.1.0",
          skills: [recipeSkill("echo")],
          facts: {
            ...self,
            org: organisation.org,
            locale: "en-GB",
            bundleVersion: i === 0 ? state.version : 1,
            level: 2,
            concurrency: 2,
            limits: { maxMessageBytes: 768_000 },
            credential: member.membership.credential(),
          },
        }),
        load: () => ({ running: 0, queued: 0, busy: false, guardUp: true }),
        link: { members: () => peer.node.members().map(({ principal }) => principal.agentId), request: peer.node.cards.request },
        store: openMemoryStore(),
        clock,
        random: realRandom,
        onRefused: () => undefined,
        log: { warn: () => undefined },
      });
      peer.node.cards.handle((frame, from) => service.serve(frame, from.agentId));
      peer.node.onPeerChange(({ type, member: { principal } }) => void (type === "connected" && service.met(principal.agentId)));
      service.start();
      return { peer, service, agentId: member.agentId };
    }),
  );
  const [first] = agents;
  if (first === undefined) throw new Error("no agents");
  const until = async (done: () => boolean): Promise<number> => {
    const startMs = performance.now();
    while (!done() && performance.now() - startMs < LIMIT_MS) await new Promise((resolve) => setTimeout(resolve, 5));
    return performance.now() - startMs;
  };
  // Whoever does not get through at once is dialled again by itself.
  await Promise.all(agents.slice(1).map(({ peer }) => peer.node.dial(addressOf(first.peer)).catch(() => undefined)));
  const joinMs = await until(() => agents.every(({ service }) => service.book.all().length === REAL_NODES));
  const changesMs: number[] = [];
  for (let i = 0; i < 10; i++) {
    state.version++;
    first.service.trustChanged();
    changesMs.push(
      await until(() => agents.every(({ service }) => service.book.get(first.agentId)?.facts.bundleVersion === state.version)),
    );
  }
  for (const { service, peer } of agents) {
    service.stop();
    await peer.node.close();
  }
  return { joinMs, changesMs: changesMs.sort((a, b) => a - b) };
}

/** Times of cards. */
export interface CardFigures {
  readonly cardBytes: number;
  readonly agents: number;
  readonly simulated: readonly SimResult[];
  /** Milliseconds. */
  readonly real: { readonly nodes: number; readonly joinMs: number; readonly changesMs: readonly number[] };
}

/** Fan-outs of news without losses, and the one in use with frames lost. */
const RUNS = [
  [2, 0],
  [4, 0],
  [NEWS_FANOUT, 0],
  [8, 0],
  [12, 0],
  [NEWS_FANOUT, 0.05],
  [NEWS_FANOUT, 0.2],
] as const;

/** Measures the spread in the simulation and with real nodes. */
export async function measureCards(say: (line: string) => void): Promise<CardFigures> {
  const card = JSON.stringify(sampleCard());
  // Of the light card's own fields about a hundred bytes are spent already.
  const padding = "x".repeat(card.length - 100);
  const simulated: SimResult[] = [];
  for (const [fanout, loss] of RUNS) {
    say(`A changed card among ${AGENTS} agents: fan-out ${fanout}, ${loss * 100} % lost …`);
    simulated.push(await simulate(fanout, loss, padding));
  }
  say(`A changed card among ${REAL_NODES} real nodes …`);
  return { cardBytes: card.length, agents: AGENTS, simulated, real: { nodes: REAL_NODES, ...(await measureReal()) } };
}

/** The slowest run of the fan-out in use; connections are TCP: more than a few frames in a hundred are lost only where the network is about to fail. */
export const slowestSpreadMs = ({ simulated }: CardFigures): number =>
  Math.max(...simulated.filter(({ fanout, loss }) => fanout === NEWS_FANOUT && loss <= 0.05).map(({ allMs }) => allMs));

/** Prints the tables. */
export function printCards(out: NodeJS.WritableStream, { cardBytes, agents, simulated, real }: CardFigures): void {
  table(out, `A changed card of ${cardBytes} bytes reaches ${agents} agents (simulation, up to ${MAX_DELAY_MS} ms each way)`, [
    ["fan-out, frames lost", "half ms", "all ms", "KiB in all", "× card to each", "KiB of the busiest", "idle B/min each"],
    ...simulated.map(({ fanout, loss, halfMs, allMs, bytes, mostBytes, idleBytesPerMinute }) => [
      `${fanout}, ${loss * 100} %`,
      round(halfMs, 0),
      round(allMs, 0),
      round(bytes / 1024, 0),
      round(bytes / (cardBytes * agents), 2),
      round(mostBytes / 1024, 1),
      round(idleBytesPerMinute, 0),
    ]),
  ]);
  table(out, `${real.nodes} real nodes in one process, loopback`, [
    ["milliseconds", ""],
    ["all know all after joining", round(real.joinMs, 0)],
    ["a change is everywhere, p50", round(real.changesMs[5] ?? 0, 0)],
    ["a change is everywhere, slowest of 10", round(real.changesMs.at(-1) ?? 0, 0)],
  ]);
}
