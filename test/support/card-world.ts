/** An organisation whose agents exchange cards over an in-memory network on a virtual clock: the real cards, book, spread and heartbeat. */
import type { CardFacts } from "../../mesh/contract/agent-card.ts";
import { RECIPE_TAG } from "../../mesh/contract/agent-card.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Beat } from "../../mesh/directory/card-wire.ts";
import { type CardService, type CardServiceDeps, createCardService } from "../../mesh/directory/create-card-service.ts";
import type { OwnContent } from "../../mesh/directory/own-card.ts";
import { verifyMembership } from "../../mesh/identity/membership.ts";
import { createTestMember, createTestOrg, type TestMember } from "./audit-fixture.ts";
import { type MemoryStore, openMemoryStore } from "./memory-store.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createVirtualClock, settle } from "./virtual-clock.ts";

/** An agent under test. */
export interface CardNode {
  readonly member: TestMember;
  readonly service: CardService;
  readonly store: MemoryStore;
  readonly refused: { from: string; code: string }[];
  /** What its next card says besides the rest. */
  facts: Partial<CardFacts>;
  skills: OwnContent["skills"];
  beat: Beat;
  /** Bytes of frames it sent, answers included. */
  sentBytes: number;
}

const IDLE: Beat = { running: 0, queued: 0, busy: false, guardUp: true };

/** A skill that a recipe carries out. */
export const recipeSkill = (id: string): OwnContent["skills"][number] => ({ id, name: id, description: `Does ${id}.`, tags: [RECIPE_TAG] });

/** What a member's card says. */
export const contentFor = (
  org: string,
  member: TestMember,
  facts: Partial<CardFacts> = {},
  skills: OwnContent["skills"] = [],
): OwnContent => ({
  name: member.principal.subject,
  description: `A member of ${member.principal.department}`,
  version: "0.1.0",
  skills: [...skills],
  facts: {
    ...member.principal,
    org,
    locale: "en-GB",
    bundleVersion: 1,
    level: 2,
    concurrency: 2,
    limits: { maxMessageBytes: 768_000 },
    credential: member.credential,
    ...facts,
  },
});

/**
 * The world.
 * @param options `auditLog`: what an agent knows of the bootstrap node's audit log; `maxDelayMs`: of each frame, 0 where left out; `lose`: the part of frames that is lost
 */
export function createCardWorld(
  seed: number,
  options: {
    maxDelayMs?: number;
    lose?: number;
    settled?: () => Promise<void>;
    auditLog?: (subject: string) => CardServiceDeps["auditLog"];
  } = {},
) {
  const random = createSeededRandom(seed);
  const clock = createVirtualClock(undefined, options.settled ?? settle);
  const org = createTestOrg(random);
  const nodes = new Map<string, CardNode>();
  const links = new Map<string, Set<string>>();
  const trust = { ...org.manifest };
  const traffic = { frames: 0, bytes: 0, lose: options.lose ?? 0 };

  const delay = (): Promise<void> => {
    const ms = Math.floor(random.next() * (options.maxDelayMs ?? 0));
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => void clock.after(ms, resolve));
  };
  const cut = (): GaggleError => new GaggleError("PEER_UNREACHABLE", "The members are not connected.");

  const carry = async (from: string, to: string, frame: Uint8Array): Promise<Uint8Array> => {
    const count = (who: string, bytes: number): void => {
      traffic.frames++;
      traffic.bytes += bytes;
      const node = nodes.get(who);
      if (node !== undefined) node.sentBytes += bytes;
    };
    if (links.get(from)?.has(to) !== true) throw cut();
    count(from, frame.length);
    await delay();
    const node = nodes.get(to);
    if (node === undefined || links.get(from)?.has(to) !== true || random.next() < traffic.lose) throw cut();
    const answer = await node.service.serve(frame, from);
    count(to, answer.length);
    await delay();
    if (random.next() < traffic.lose) throw cut();
    return answer;
  };

  async function addNode(subject: string, role: string, store = openMemoryStore(), known?: TestMember): Promise<CardNode> {
    const member = known ?? createTestMember(org, random, { subject, role }, clock.now());
    const { agentId } = member.principal;
    const refused: CardNode["refused"] = [];
    const peers = links.get(agentId) ?? new Set<string>();
    links.set(agentId, peers);
    const service = await createCardService({
      org: org.org,
      ownId: agentId,
      signer: member.signer,
      verify: (jwt, id, nowMs) => verifyMembership({ jwt, manifest: trust, agentId: id, nowMs }),
      content: () => contentFor(org.org, member, node.facts, node.skills),
      load: () => node.beat,
      link: { members: () => [...peers], request: (to, frame) => carry(agentId, to, frame) },
      store,
      clock,
      random,
      onRefused: (from, code) => void refused.push({ from, code }),
      log: { warn: () => undefined },
      auditLog: options.auditLog?.(subject),
    });
    const node: CardNode = { member, service, store, refused, facts: {}, skills: [recipeSkill("echo")], beat: IDLE, sentBytes: 0 };
    nodes.set(agentId, node);
    return node;
  }

  const idOf = (node: CardNode): string => node.member.principal.agentId;

  return {
    random,
    clock,
    org,
    trust,
    traffic,
    nodes,
    addNode,
    idOf,
    /** Hands a frame of anybody to a node, as its connection would. */
    carry,
    connect(a: CardNode, b: CardNode): void {
      links.get(idOf(a))?.add(idOf(b));
      links.get(idOf(b))?.add(idOf(a));
      a.service.met(idOf(b));
      b.service.met(idOf(a));
    },
    disconnect(a: CardNode, b: CardNode): void {
      links.get(idOf(a))?.delete(idOf(b));
      links.get(idOf(b))?.delete(idOf(a));
      a.service.gone(idOf(b));
      b.service.gone(idOf(a));
    },
    /** Whether all nodes have the same cards, one of every node. */
    agrees(): boolean {
      const views = [...nodes.values()].map(({ service }) =>
        service.book
          .all()
          .map(({ facts, hash }) => `${facts.agentId} ${facts.seq} ${hash}`)
          .sort()
          .join("\n"),
      );
      return (
        views.every((view) => view === views[0]) && [...nodes.values()].every(({ service }) => service.book.all().length === nodes.size)
      );
    },
    stop(): void {
      for (const { service } of nodes.values()) service.stop();
    },
  };
}
/** The world. */
export type CardWorld = ReturnType<typeof createCardWorld>;
