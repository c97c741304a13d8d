import { beforeEach, describe, expect, test } from "vitest";
import { type AuditChain, continueChain, openAuditChain } from "../../../../mesh/audit/chain.ts";
import { OWN_CHAIN } from "../../../../mesh/audit/chain-place.ts";
import { readCheckpoint } from "../../../../mesh/audit/checkpoint.ts";
import { verifyHead } from "../../../../mesh/audit/head.ts";
import { firstSeq, pruneChain } from "../../../../mesh/audit/prune.ts";
import type { AuditDraft } from "../../../../mesh/contract/audit.ts";
import type { CommitQueue } from "../../../../mesh/contract/ports.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { createTestMember, createTestOrg } from "../../../support/audit-fixture.ts";
import { type MemoryStore, openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const DAY_MS = 86_400_000;
const random = createSeededRandom(31);
const org = createTestOrg(random);
const { signer, principal } = createTestMember(org, random, { subject: "fiona.berg", role: "finance" });
const config = { org: org.org, agentId: principal.agentId };
const draft: AuditDraft = {
  actor: { type: "agent", id: principal.agentId, role: "finance" },
  action: "task.state",
  target: "task:1",
  result: "ok",
  traceId: "0".repeat(32),
};

let store: MemoryStore;
let chain: AuditChain;
let queue: CommitQueue;
let clock: ReturnType<typeof createVirtualClock>;

async function open(disk: MemoryStore): Promise<void> {
  store = disk;
  chain = await openAuditChain({ store, random, signer }, config);
  queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: () => undefined });
}
const say = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await queue.run((tx) => tx.audit(draft));
};
const prune = (days: number, upTo: number) =>
  pruneChain({ store, queue }, OWN_CHAIN, { beforeMs: clock.now() - days * DAY_MS, upTo }, (tx, seq) =>
    tx.audit({ ...draft, action: "audit.prune", details: { seq } }),
  );
/** The chain from its anchor on, checked. */
const remaining = async (): Promise<number[]> => {
  const anchor = verifyHead(chain.anchor() ?? "", principal.agentId);
  const events = await chain.list({ fromSeq: 1, limit: 10_000 });
  expect(continueChain(anchor, events)).toEqual(chain.head());
  return events.map(({ seq }) => seq);
};

beforeEach(async () => {
  clock = createVirtualClock();
  await open(openMemoryStore());
});

describe("a chain of ten days with three events each", () => {
  beforeEach(async () => {
    for (let day = 0; day < 10; day++) {
      await say(3);
      clock.jump(DAY_MS);
    }
  });

  test("is pruned at the newest checkpoint that is old enough; the rest continues what the agent signed there", async () => {
    expect(await prune(4, 30)).toEqual({ seq: 18, events: 18 });
    expect(await remaining()).toEqual([19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
    expect((await chain.list({ fromSeq: 31, limit: 1 }))[0]).toMatchObject({ action: "audit.prune", details: { seq: 18 } });
  });

  test("never loses what the node has not acknowledged", async () => {
    expect(await prune(0, 10)).toEqual({ seq: 9, events: 9 });
    expect((await remaining())[0]).toBe(10);
    expect(await prune(0, 0)).toBeUndefined();
  });

  test("goes on where it was cut off, and opens meanwhile", async () => {
    await prune(4, 30);
    // As after a power cut between the anchor and the last deletions.
    for (const seq of [17, 18])
      await store.batch([{ type: "put", key: `audit/event/${String(seq).padStart(16, "0")}`, value: JSON.stringify({ seq }) }], {
        sync: true,
      });
    await open(store.crash());
    expect(firstSeq(store, OWN_CHAIN)).toBe(19);
    expect(await prune(4, 30)).toEqual({ seq: 18, events: 2 });
    expect((await remaining())[0]).toBe(19);
  });

  test("is refused when it is opened with a hole after the anchor", async () => {
    await prune(4, 30);
    await store.batch([{ type: "del", key: `audit/event/${String(19).padStart(16, "0")}` }], { sync: true });
    await expect(open(store.crash())).rejects.toThrow(expect.objectContaining({ code: "STORE_FAILED" }));
  });

  test("is refused when it is opened and all that came after the anchor is gone", async () => {
    await prune(4, 30);
    const key = (seq: number): string => `audit/event/${String(seq).padStart(16, "0")}`;
    const [left] = await chain.list({ fromSeq: 19, limit: 1 });
    await store.batch([{ type: "put", key: key(18), value: JSON.stringify({ ...left, seq: 18 }) }], { sync: true });
    for (let seq = 19; seq <= 31; seq++) await store.batch([{ type: "del", key: key(seq) }], { sync: true });
    await expect(open(store.crash())).rejects.toThrow(expect.objectContaining({ code: "STORE_FAILED" }));
  });

  test("signs no further checkpoint on the same day after a restart", async () => {
    const count = async (): Promise<number> => (await store.range({ gte: OWN_CHAIN.checkpoints, lt: `${OWN_CHAIN.checkpoints}~` })).length;
    await say(2);
    const before = await count();
    await open(store.crash());
    await say(2);
    expect(await count()).toBe(before);
  });

  test("goes on after a restart with the same anchor, and is pruned again days later", async () => {
    await prune(4, 30);
    await open(store.crash());
    clock.jump(2 * DAY_MS);
    await say(1);
    expect((await prune(4, 31))?.seq).toBe(24);
    expect((await remaining())[0]).toBe(25);
  });
});

test("a busy day has a checkpoint each thousand events, so that one day can be pruned in parts", async () => {
  const sayMany = (count: number) =>
    queue.run((tx) => {
      for (let i = 0; i < count; i++) tx.audit(draft);
    });
  for (let i = 0; i < 4; i++) await sayMany(700);
  const kept = await store.range({ gte: OWN_CHAIN.checkpoints, lt: `${OWN_CHAIN.checkpoints}~` });
  expect(kept.map(([, text]) => verifyHead(readCheckpoint(text).jws, principal.agentId).seq)).toEqual([1_400]);
  await say(2);
  expect(await prune(0, 5_000)).toEqual({ seq: 2_800, events: 2_800 });
});
