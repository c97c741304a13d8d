import { describe, expect, it } from "vitest";
import type { AgentCard } from "../../../../mesh/contract/agent-card.ts";
import { CARD_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { encodeCards, readCardReply } from "../../../../mesh/directory/card-wire.ts";
import { factsOf, signCard } from "../../../../mesh/directory/signed-card.ts";
import { createTestMember } from "../../../support/audit-fixture.ts";
import { type CardNode, type CardWorld, contentFor, createCardWorld } from "../../../support/card-world.ts";

const ROLES = ["finance", "marketing", "engineering", "hr"];

/** Agents in a ring, so that news has to be passed on. */
async function ring(seed: number, count: number, options: Parameters<typeof createCardWorld>[1] = {}) {
  const world = createCardWorld(seed, options);
  const nodes: CardNode[] = [];
  for (let i = 0; i < count; i++) nodes.push(await world.addNode(`person.${i}`, ROLES[i % ROLES.length] ?? "hr"));
  for (const { service } of nodes) service.start();
  for (const [i, node] of nodes.entries()) {
    const next = nodes[(i + 1) % count];
    if (next !== undefined && next !== node) world.connect(node, next);
  }
  await world.clock.advance(10_000);
  return { world, nodes };
}

const first = (nodes: CardNode[]): [CardNode, CardNode, ...CardNode[]] => nodes as [CardNode, CardNode, ...CardNode[]];

/** Hands cards to a node as one of its members would, and tells what it is answered. */
const push = async (world: CardWorld, from: CardNode, to: CardNode, cards: unknown[]) =>
  readCardReply(await to.service.serve(encodeCards({ v: 1, kind: "cards", cards: cards as never }), world.idOf(from)));

const cardOn = (node: CardNode, of: CardNode, world: CardWorld): AgentCard => {
  const card = node.service.book.get(world.idOf(of))?.card;
  if (card === undefined) throw new Error("the card is not known");
  return card;
};

it("members tell each other the newest signed head of the node's audit log that they have, each minute one of them", async () => {
  const heads = new Map([
    ["person.0", "a head of one history"],
    ["person.1", "a head of another"],
  ]);
  const heard = new Map<string, Set<string>>();
  const auditLog = (subject: string) => ({
    head: () => heads.get(subject),
    hear: (head: string) => void heard.set(subject, (heard.get(subject) ?? new Set()).add(head)),
  });
  const { world } = await ring(9, 4, { auditLog });
  expect(heard.size).toBe(0);
  await world.clock.advance(300_000);
  // Each hears what a neighbour in the ring has; who has none tells none.
  expect([...(heard.get("person.0") ?? [])]).toEqual(["a head of another"]);
  expect([...(heard.get("person.1") ?? [])]).toEqual(["a head of one history"]);
  expect([...(heard.get("person.2") ?? [])]).toEqual(["a head of another"]);
  world.stop();
});

describe("cards", () => {
  it("reach every agent, also those that are not connected to the one that changed", async () => {
    const { world, nodes } = await ring(1, 8);
    expect(world.agrees()).toBe(true);
    const [one] = first(nodes);
    one.facts = { concurrency: 9 };
    one.service.trustChanged();
    await world.clock.advance(5_000);
    expect(world.agrees()).toBe(true);
    for (const node of nodes) expect(factsOf(cardOn(node, one, world)).concurrency).toBe(9);
    world.stop();
  });

  it("that changed while an agent was off reach it when it is back", async () => {
    const { world, nodes } = await ring(2, 4);
    const [one, off, , before] = first(nodes);
    for (const node of nodes) if (node !== off) world.disconnect(off, node);
    one.facts = { concurrency: 7 };
    one.service.trustChanged();
    await world.clock.advance(5_000);
    expect(factsOf(cardOn(off, one, world)).concurrency).toBe(2);
    if (before !== undefined) world.connect(off, before);
    await world.clock.advance(5_000);
    expect(factsOf(cardOn(off, one, world)).concurrency).toBe(7);
    world.stop();
  });

  it("say to everyone that an agent has left", async () => {
    const { world, nodes } = await ring(3, 5);
    const [one] = first(nodes);
    one.service.leave();
    await world.clock.advance(5_000);
    for (const node of nodes) expect(node.service.book.get(world.idOf(one))).toMatchObject({ facts: { state: "left" }, skills: [] });
    world.stop();
  });

  it("are kept over a restart and counted anew, so that a revoked agent's is dropped", async () => {
    const { world, nodes } = await ring(4, 3);
    const [one, other] = first(nodes);
    one.service.stop();
    const again = await world.addNode("person.0", "finance", one.store.crash(1_000), one.member);
    expect(again.service.book.all()).toHaveLength(2);
    world.trust.revocations = { ...world.trust.revocations, seq: 1, agents: [world.idOf(other)] };
    again.service.trustChanged();
    expect(again.service.book.get(world.idOf(other))).toBeUndefined();
    world.stop();
  });

  it("that run out are dropped, and those of agents that are on are signed anew before", async () => {
    const { world, nodes } = await ring(5, 3);
    const [one, off] = first(nodes);
    off.service.stop();
    for (const node of nodes) if (node !== off) world.disconnect(off, node);
    // Not advanced, since that would play a month of rounds; a jump is what a long sleep looks like.
    world.clock.jump(CARD_LIFETIME_MS + 1);
    one.service.trustChanged();
    expect(one.service.book.get(world.idOf(off))).toBeUndefined();
    world.stop();
  });

  it("of an agent that lost count are made newer than what others know of it", async () => {
    const { world, nodes } = await ring(6, 3);
    const [one, other] = first(nodes);
    const before = factsOf(cardOn(other, one, world)).seq;
    one.service.stop();
    for (const node of nodes) if (node !== one) world.disconnect(one, node);
    world.clock.jump(-60_000);
    const again = await world.addNode("person.0", "finance", undefined, one.member);
    again.facts = { concurrency: 5 };
    again.service.start();
    expect(factsOf(cardOn(again, again, world)).seq).toBeLessThan(before);
    world.connect(again, other);
    await world.clock.advance(6_000);
    expect(factsOf(cardOn(other, again, world))).toMatchObject({ concurrency: 5 });
    expect(factsOf(cardOn(other, again, world)).seq).toBeGreaterThan(before);
    world.stop();
  });
});

describe("a liar", () => {
  it("can't change another's card, nor bring an old one back", async () => {
    const { world, nodes } = await ring(7, 3);
    const [one, liar, victim] = first(nodes);
    const old = cardOn(one, one, world);
    one.facts = { concurrency: 8 };
    one.service.trustChanged();
    await world.clock.advance(5_000);
    const forged = structuredClone(cardOn(one, one, world));
    factsOf(forged).concurrency = 16;
    factsOf(forged).seq += 1;
    if (victim === undefined) throw new Error("no victim");
    await push(world, liar, victim, [old, forged]);
    expect(factsOf(cardOn(victim, one, world)).concurrency).toBe(8);
    expect(victim.refused).toEqual([{ from: world.idOf(liar), code: "CREDENTIAL_INVALID" }]);
    world.stop();
  });

  it("is not listened to for a while after several forged cards, and others still are", async () => {
    const { world, nodes } = await ring(8, 3);
    const [one, liar, victim] = first(nodes);
    if (victim === undefined) throw new Error("no victim");
    const forged = Array.from({ length: 40 }, (_, i) => {
      const copy = structuredClone(cardOn(one, one, world));
      factsOf(copy).seq += i + 1;
      return copy;
    });
    await push(world, liar, victim, forged);
    expect(victim.refused.length).toBe(8);
    const fresh = signCard(
      {
        ...contentFor(world.org.org, one.member),
        facts: {
          ...contentFor(world.org.org, one.member).facts,
          ...factsOf(cardOn(one, one, world)),
          seq: factsOf(cardOn(one, one, world)).seq + 1,
        },
      },
      one.member.signer,
    );
    await push(world, liar, victim, [fresh]);
    expect(victim.service.book.get(world.idOf(one))?.facts.seq).toBe(factsOf(fresh).seq - 1);
    await push(world, one, victim, [fresh]);
    expect(victim.service.book.get(world.idOf(one))?.facts.seq).toBe(factsOf(fresh).seq);
    world.stop();
  });

  it("with credentials for ever more agents of one person gets room for a few only", async () => {
    const world = createCardWorld(9);
    const victim = await world.addNode("victim.one", "finance");
    const liar = await world.addNode("liar.one", "hr");
    victim.service.start();
    world.connect(victim, liar);
    const cards = Array.from({ length: 20 }, () => {
      const member = createTestMember(world.org, world.random, { subject: "liar.one", role: "hr" }, world.clock.now());
      const { facts, ...content } = contentFor(world.org.org, member);
      const times = { state: "active" as const, seq: 1, issuedAt: world.clock.now(), expiresAt: world.clock.now() + 1_000 };
      return signCard({ ...content, facts: { ...facts, ...times } }, member.signer);
    });
    await push(world, liar, victim, cards);
    expect(victim.service.book.all().filter(({ facts }) => facts.subject === "liar.one")).toHaveLength(16);
    expect(victim.refused).toHaveLength(4);
    expect(new Set(victim.refused.map(({ code }) => code))).toEqual(new Set(["BUSY"]));
    world.stop();
  });

  it("that asks for cards it does not have, or answers nonsense, stops nothing", async () => {
    const { world, nodes } = await ring(10, 3);
    const [one, liar] = first(nodes);
    const want = encodeCards({ v: 1, kind: "want", ids: [world.idOf(liar), `12D3KooW${"a".repeat(44)}`] });
    const answer = readCardReply(await one.service.serve(want, world.idOf(liar)));
    expect(answer.kind === "cards" && answer.cards.length).toBe(1);
    await expect(one.service.serve(Buffer.from("{"), world.idOf(liar))).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(one.service.serve(encodeCards({ v: 1, kind: "news", entries: [["x", 1, "y"]] }), world.idOf(liar))).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
    world.stop();
  });
});

describe("load", () => {
  it("is told on meeting, at a change of what others choose by, and again every quarter of a minute", async () => {
    const { world, nodes } = await ring(11, 3);
    const [one, other] = first(nodes);
    const seen = () => other.service.loadOf(world.idOf(one));
    expect(seen()).toMatchObject({ running: 0 });
    one.beat = { running: 2, queued: 3, busy: true, guardUp: true };
    await world.clock.advance(3_000);
    expect(seen()).toEqual(one.beat);
    one.beat = { running: 2, queued: 4, busy: true, guardUp: true };
    await world.clock.advance(3_000);
    expect(seen()).toMatchObject({ queued: 3 });
    await world.clock.advance(15_000);
    expect(seen()).toMatchObject({ queued: 4 });
    world.stop();
  });

  it("counts no more after 45 seconds without a word, or when the connection ends", async () => {
    const { world, nodes } = await ring(12, 3);
    const [one, other, third] = first(nodes);
    one.service.stop();
    await world.clock.advance(46_000);
    expect(other.service.loadOf(world.idOf(one))).toBeUndefined();
    if (third === undefined) throw new Error("no third");
    expect(other.service.loadOf(world.idOf(third))).toBeDefined();
    world.disconnect(other, third);
    expect(other.service.loadOf(world.idOf(third))).toBeUndefined();
    world.stop();
  });
});
