import { expect, test } from "vitest";
import { continueChain, EMPTY_CHAIN, openAuditChain } from "../../../../mesh/audit/chain.ts";
import { HEAD_TYP } from "../../../../mesh/audit/head.ts";
import { createAuditShipper } from "../../../../mesh/audit/ship.ts";
import type { AuditDraft } from "../../../../mesh/contract/audit.ts";
import { auditHead } from "../../../../mesh/contract/audit.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import { jwkOfAgentId } from "../../../../mesh/identity/keys.ts";
import { verifyJws } from "../../../../mesh/identity/jws.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { createTestMember, createTestOrg } from "../../../support/audit-fixture.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

async function setUp(store = openMemoryStore()) {
  const random = createSeededRandom(21);
  const org = createTestOrg(random);
  const { signer, principal } = createTestMember(org, random, { subject: "fiona.berg", role: "finance" });
  const clock = createVirtualClock();
  const config = { org: org.org, agentId: principal.agentId };
  const chain = await openAuditChain({ store, random }, config);
  const onEffectError = (error: unknown): void => expect.unreachable(String(error));
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => FREE_SPACE_FLOOR_BYTES, onEffectError });
  const draft: AuditDraft = {
    actor: { type: "agent", id: principal.agentId, role: "finance" },
    action: "daemon.start",
    target: `agent:${principal.agentId}`,
    result: "ok",
    traceId: "0".repeat(32),
  };
  const say = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await queue.run((tx) => tx.audit(draft));
  };
  return {
    store,
    chain,
    say,
    agentId: principal.agentId,
    shipper: createAuditShipper({ store, queue, chain, signer, clock }, { ...config, maxEvents: 4 }),
  };
}

test("batches follow each other without a gap, each with the agent's signature over its last event", async () => {
  const { shipper, say, agentId, chain } = await setUp();
  await say(10);
  let end = EMPTY_CHAIN;
  const sizes: number[] = [];
  for (let batch = await shipper.nextBatch(); batch !== undefined; batch = await shipper.nextBatch()) {
    end = continueChain(end, batch.events);
    sizes.push(batch.events.length);
    const head = auditHead.parse(verifyJws({ jws: batch.head, typ: HEAD_TYP, key: jwkOfAgentId(agentId) }));
    expect(head).toMatchObject({ seq: end.seq, hash: end.hash });
    await shipper.acknowledge(end.seq);
  }
  expect(sizes).toEqual([4, 4, 2]);
  expect(end).toEqual(chain.head());
  expect(shipper.shipped()).toBe(10);
});

test("what was not acknowledged comes again, also after a crash", async () => {
  const { shipper, say, store } = await setUp();
  await say(3);
  const first = await shipper.nextBatch();
  expect(await shipper.nextBatch()).toEqual(first);
  await shipper.acknowledge(2);
  const again = await setUp(store.crash());
  expect((await again.shipper.nextBatch())?.events.map(({ seq }) => seq)).toEqual([3]);
});

test("a node that lost events takes the cursor back; one that claims more than there is does not take it beyond the end", async () => {
  const { shipper, say } = await setUp();
  await say(3);
  await shipper.acknowledge(3);
  expect(await shipper.nextBatch()).toBeUndefined();
  await shipper.acknowledge(1);
  expect((await shipper.nextBatch())?.events.map(({ seq }) => seq)).toEqual([2, 3]);
  await shipper.acknowledge(99);
  await say(1);
  expect((await shipper.nextBatch())?.events.map(({ seq }) => seq)).toEqual([4]);
});
