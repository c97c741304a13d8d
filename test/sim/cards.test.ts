/** Agent cards under faults: whatever was lost, cut off or forgotten, in the end all books say the same; and a seed is one history. */
import { expect, test } from "vitest";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { type CardNode, type CardWorld, createCardWorld } from "../support/card-world.ts";
import { settleMicrotasks } from "../support/virtual-clock.ts";
import { seedsFrom } from "./check-seeds.ts";
import { withoutRealTime } from "./without-real-time.ts";

const SEEDS = 40;
/** Time in which all books must agree once all are connected. */
const SETTLE_MS = 120_000;

/** One thing that happens to a node; undefined where it stays what it was. */
async function befall(world: CardWorld, nodes: CardNode[], at: number): Promise<void> {
  const node = nodes[at] as CardNode;
  const other = nodes[Math.floor(world.random.next() * nodes.length)] as CardNode;
  const what = Math.floor(world.random.next() * 4);
  if (what === 0) {
    node.facts = { concurrency: 1 + Math.floor(world.random.next() * 9) };
    node.service.trustChanged();
  } else if (what === 1 && node !== other) world.disconnect(node, other);
  else if (what === 2 && node !== other) world.connect(node, other);
  else if (what === 3) {
    node.service.stop();
    const again = await world.addNode(node.member.principal.subject, node.member.principal.role, node.store.crash(1), node.member);
    again.facts = node.facts;
    again.service.start();
    nodes[at] = again;
  }
}

/** Runs a seed. @returns whether all books agree in the end, and a hash over them */
async function play(seed: number): Promise<{ agrees: boolean; hash: string }> {
  const world = createCardWorld(seed, { maxDelayMs: 400, lose: 0.2, settled: settleMicrotasks });
  const nodes: CardNode[] = [];
  for (let i = 0; i < 4; i++) nodes.push(await world.addNode(`person.${i}`, "finance"));
  for (const { service } of nodes) service.start();
  for (let step = 0; step < 15; step++) {
    await befall(world, nodes, Math.floor(world.random.next() * nodes.length));
    await world.clock.advance(Math.floor(world.random.next() * 4_000));
  }
  world.traffic.lose = 0;
  for (const [i, node] of nodes.entries()) for (const other of nodes.slice(i + 1)) world.connect(node, other);
  await world.clock.advance(SETTLE_MS);
  const books = nodes.map(({ service }) => service.book.all().map(({ card }) => card));
  world.stop();
  return { agrees: world.agrees(), hash: canonicalHash(books) };
}

test(`in ${SEEDS} histories of cut, forgetful and changing agents all books agree in the end, the same way each time`, async () => {
  const wrong: string[] = [];
  for (const seed of seedsFrom(1, SEEDS)) {
    const [first, second] = [await withoutRealTime(() => play(seed)), await withoutRealTime(() => play(seed))];
    if (!first.agrees) wrong.push(`seed ${seed}: the books differ`);
    if (first.hash !== second.hash) wrong.push(`seed ${seed}: two histories`);
  }
  expect(wrong).toEqual([]);
});
