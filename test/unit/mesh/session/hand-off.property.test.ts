/**
 * Three agents that hand one session around over a network that loses, repeats, delays and reorders, with crashes at any moment: never do two of them
 * hold it, and in the end all agree on one owner, who can go on. fast-check finds the histories.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readSession } from "../../../../mesh/session/broker/session-record.ts";
import { createWorld, startNode, type TestNode } from "../../../support/messaging-node.ts";

const ROLES = ["finance", "marketing", "hr"] as const;
const SUBJECTS = ["fiona.berg", "marco.diaz", "hanna.okoye"] as const;

const who = fc.integer({ min: 0, max: 2 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant("offer" as const), at: who, to: who }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constantFrom("accept" as const, "decline" as const), at: who }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("crash" as const), at: who, kept: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("share" as const), at: who }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 4_000 }) }) },
);
const history = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  loss: fc.constantFrom(0, 0.3),
  steps: fc.array(step, { minLength: 6, maxLength: 30 }),
});

const ignore = (work: Promise<unknown>): Promise<void> =>
  work.then(
    () => undefined,
    () => undefined,
  );

test("a session that is handed around never has two owners, and in the end all know the one that it has", async () => {
  let handed = 0;
  await fc.assert(
    fc.asyncProperty(history, async ({ seed, loss, steps }) => {
      const world = createWorld(seed);
      const members = SUBJECTS.map((subject, i) => world.addMember(subject, ROLES[i] ?? "hr"));
      const nodes: TestNode[] = [];
      for (const member of members) nodes.push(await startNode(world, member));
      const nodeAt = (i: number): TestNode => nodes[i] ?? (nodes[0] as TestNode);
      const { sessionId } = await nodeAt(0).call("session.open", {
        purpose: "x",
        participants: [{ targetRole: "marketing" }, { targetRole: "hr" }],
        idempotencyKey: "s",
      });
      await nodeAt(0).call("session.share", { sessionId, id: "plan", title: "Plan", body: 0 });
      await world.clock.advance(5_000);
      world.network.state.faults = { loseRequest: loss, loseAnswer: loss, repeat: loss, maxDelayMs: 500 };

      /** Who holds it: the owner, also while its offer waits. Whoever has accepted holds it under a higher epoch than the one it came from. */
      const checkOwners = (): void => {
        const held = nodes.map((node) => readSession(node.store, sessionId)).filter((session) => session?.mine === "owner");
        const free = held.filter((session) => session?.handingTo === undefined);
        expect(free.length, `seed ${seed}`).toBeLessThanOrEqual(1);
        expect(held.length, `seed ${seed}`).toBeGreaterThanOrEqual(1);
        expect(new Set(held.map((session) => session?.epoch)).size, `seed ${seed}`).toBe(held.length);
      };
      let value = 0;
      for (const one of steps) {
        if (one.act === "wait") await world.clock.advance(one.ms);
        else if (one.act === "crash") nodes[one.at] = await nodeAt(one.at).restart(one.kept);
        else if (one.act === "offer")
          await ignore(nodeAt(one.at).call("session.handoff", { sessionId, to: { targetRole: ROLES[one.to] ?? "hr" } }));
        else if (one.act === "share")
          await ignore(nodeAt(one.at).call("session.share", { sessionId, id: "plan", title: "Plan", body: ++value }));
        else await ignore(nodeAt(one.at).call("session.handoff", { sessionId, accept: one.act === "accept" }));
        checkOwners();
      }
      world.network.state.faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
      for (let i = 0; i < 3; i++) {
        for (const node of nodes) for (const other of nodes) node.messaging.peerConnected(other.self.agentId);
        await world.clock.advance(90_000);
        for (const node of nodes) await ignore(node.call("session.handoff", { sessionId, accept: true }));
      }
      await world.clock.advance(90_000);
      checkOwners();
      const ends = nodes.map((node) => readSession(node.store, sessionId));
      const [owner] = ends.filter((session) => session?.mine === "owner");
      expect(ends.map((session) => session?.owner.agentId)).toEqual(ends.map(() => owner?.owner.agentId));
      expect(ends.map((session) => session?.epoch)).toEqual(ends.map(() => owner?.epoch));
      const at = nodes.findIndex((node) => node.self.agentId === owner?.owner.agentId);
      await nodeAt(at).call("session.share", { sessionId, id: "plan", title: "Plan", body: "the end" });
      await world.clock.advance(10_000);
      for (const node of nodes)
        expect(await node.call("session.status", { sessionId, shard: "plan" })).toMatchObject({ shards: [{ body: "the end" }] });
      handed += (owner?.epoch ?? 1) > 1 ? 1 : 0;
    }),
    { numRuns: 60 },
  );
  // Otherwise nothing was handed around.
  expect(handed).toBeGreaterThan(10);
}, 120_000);
