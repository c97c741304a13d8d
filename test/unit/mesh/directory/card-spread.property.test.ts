import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { factsOf } from "../../../../mesh/directory/signed-card.ts";
import { type CardNode, createCardWorld } from "../../../support/card-world.ts";
import { settleMicrotasks } from "../../../support/virtual-clock.ts";

const step = fc.oneof(
  fc.record({ kind: fc.constant("change" as const), who: fc.nat(4) }),
  fc.record({ kind: fc.constant("cut" as const), who: fc.nat(4), other: fc.nat(4) }),
  fc.record({ kind: fc.constant("join" as const), who: fc.nat(4), other: fc.nat(4) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(4_000) }),
  fc.record({ kind: fc.constant("replay" as const), who: fc.nat(4), other: fc.nat(4) }),
);

describe("any history of changes, cuts, losses and replayed cards", () => {
  it("ends with all agents knowing the newest card of each, once all are connected", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1_000_000), fc.array(step, { maxLength: 15 }), async (seed, steps) => {
        const world = createCardWorld(seed, { maxDelayMs: 300, lose: 0.2, settled: settleMicrotasks });
        const nodes: CardNode[] = [];
        for (let i = 0; i < 5; i++) nodes.push(await world.addNode(`person.${i}`, "finance"));
        for (const { service } of nodes) service.start();
        const old = nodes.flatMap(({ service }) => service.book.all().map(({ card }) => card));
        const pair = (a: number, b: number): [CardNode, CardNode] | undefined => {
          const [one, other] = [nodes[a], nodes[b]];
          return one === undefined || other === undefined || one === other ? undefined : [one, other];
        };
        for (const one of steps) {
          if (one.kind === "wait") await world.clock.advance(one.ms);
          else if (one.kind === "change") {
            const node = nodes[one.who];
            if (node === undefined) continue;
            node.facts = { bundleVersion: (node.facts.bundleVersion ?? 1) + 1 };
            node.service.trustChanged();
          } else {
            const two = pair(one.who, one.other);
            if (two === undefined) continue;
            if (one.kind === "cut") world.disconnect(...two);
            else world.connect(...two);
          }
        }
        world.traffic.lose = 0;
        for (const [i, node] of nodes.entries()) for (const other of nodes.slice(i + 1)) world.connect(node, other);
        // Whoever has kept old cards can bring none of them back.
        for (const { service } of nodes) await service.serve(Buffer.from(JSON.stringify({ v: 1, kind: "cards", cards: old })), "12D3KooWx");
        await world.clock.advance(10_000);
        expect(world.agrees()).toBe(true);
        for (const node of nodes) {
          const known = nodes.map(({ service }) => service.book.get(world.idOf(node))?.card);
          for (const card of known) expect(card && factsOf(card).bundleVersion).toBe(node.facts.bundleVersion ?? 1);
        }
        world.stop();
      }),
      { numRuns: 10 },
    );
  });
});
