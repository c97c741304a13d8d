import { expect, test } from "vitest";
import type { AuditDraft } from "../../../../mesh/contract/audit.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import { openAuditChain } from "../../../../mesh/audit/chain.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const ORG = `org_${"a".repeat(26)}`;
const AGENT = `12D3KooW${"A".repeat(44)}`;
const said = (target: string): AuditDraft => ({
  actor: { type: "agent", id: AGENT, role: "finance" },
  action: "task.state",
  target,
  result: "ok",
  traceId: "0".repeat(32),
});

async function setUp(disk = openMemoryStore()) {
  const state = { free: FREE_SPACE_FLOOR_BYTES, batches: 0 };
  const store = {
    ...disk,
    batch: (...args: Parameters<typeof disk.batch>) => {
      state.batches++;
      return disk.batch(...args);
    },
  };
  const audit = await openAuditChain({ store, random: createSeededRandom(1) }, { org: ORG, agentId: AGENT });
  const effectErrors: unknown[] = [];
  const queue = createCommitQueue({
    store,
    clock: createVirtualClock(),
    audit,
    freeBytes: () => state.free,
    onEffectError: (error) => void effectErrors.push(error),
  });
  return { disk, store, audit, queue, state, effectErrors };
}

test("a transition's writes and its audit event are on the disk when its promise resolves", async () => {
  const { queue, disk } = await setUp();
  await queue.run((tx) => {
    tx.put("task/1", "SUBMITTED");
    tx.audit(said("task:1"));
  });
  const after = disk.crash();
  expect(after.get("task/1")).toBe("SUBMITTED");
  const events = await after.range({ gte: "audit/", lt: "audit/~" });
  expect(events).toHaveLength(1);
});

test("transitions that wait together share one synced batch, and later ones see what earlier ones wrote", async () => {
  const { queue, state, disk } = await setUp();
  const add = () =>
    queue.run((tx) => {
      const next = Number(tx.get("count") ?? 0) + 1;
      tx.put("count", String(next));
      return next;
    });
  expect(await Promise.all([add(), add(), add()])).toEqual([1, 2, 3]);
  expect(state.batches).toBe(1);
  expect(disk.get("count")).toBe("3");
});

test("a transition reads its own writes and deletions", async () => {
  const { queue, disk } = await setUp();
  await queue.run((tx) => tx.put("a", "1"));
  const seen = await queue.run((tx) => {
    tx.put("b", "2");
    tx.del("a");
    return [tx.get("a"), tx.get("b")];
  });
  expect(seen).toEqual([undefined, "2"]);
  expect(disk.get("a")).toBeUndefined();
});

test("a transition that throws leaves no write, no audit event and no effect, and the others of its group go on", async () => {
  const { queue, audit, disk } = await setUp();
  let effects = 0;
  const bad = queue.run((tx) => {
    tx.put("bad", "1");
    tx.audit(said("task:bad"));
    tx.afterCommit(() => void effects++);
    throw new Error("no");
  });
  const good = queue.run((tx) => {
    tx.audit(said("task:good"));
    return tx.get("bad");
  });
  await expect(bad).rejects.toThrow("no");
  expect(await good).toBeUndefined();
  expect(effects).toBe(0);
  expect(disk.get("bad")).toBeUndefined();
  expect((await audit.list({ fromSeq: 1, limit: 10 })).map(({ target, seq }) => [target, seq])).toEqual([["task:good", 1]]);
});

test("an audit draft that is not as the contract says fails its transition", async () => {
  const { queue, audit } = await setUp();
  await expect(queue.run((tx) => tx.audit({ ...said("task:1"), action: "Not An Action" }))).rejects.toMatchObject({
    code: "INVALID_INPUT",
  });
  await expect(queue.run((tx) => tx.audit({ ...said("task:1"), details: { text: "\uD800" } }))).rejects.toMatchObject({
    code: "INVALID_INPUT",
  });
  await queue.run((tx) => tx.audit(said("task:2")));
  expect(audit.head().seq).toBe(1);
});

test("an asynchronous transition is refused", async () => {
  const { queue, disk } = await setUp();
  await expect(queue.run(async (tx) => tx.put("a", "1"))).rejects.toMatchObject({ code: "INTERNAL" });
  expect(disk.get("a")).toBeUndefined();
});

test("effects run after the sync, in order, and one that throws is reported and stops nobody", async () => {
  const { queue, store, effectErrors } = await setUp();
  const seen: (string | undefined)[] = [];
  await queue.run((tx) => {
    tx.put("a", "1");
    tx.afterCommit(() => {
      throw new Error("effect");
    });
    tx.afterCommit(() => void seen.push(store.get("a")));
  });
  expect(seen).toEqual(["1"]);
  expect(effectErrors).toHaveLength(1);
});

test("a failed write rejects the whole group, runs no effect and stops the queue", async () => {
  const { queue, disk } = await setUp();
  disk.failNextBatch();
  let effects = 0;
  const both = [1, 2].map((n) =>
    queue.run((tx) => {
      tx.put(`k${n}`, "1");
      tx.afterCommit(() => void effects++);
    }),
  );
  for (const one of both) await expect(one).rejects.toMatchObject({ code: "STORE_FAILED" });
  await expect(queue.run(() => 1)).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(effects).toBe(0);
});

test("below the floor of free space new work is refused, and what finishes running work still passes", async () => {
  const { queue, state, disk } = await setUp();
  state.free = FREE_SPACE_FLOOR_BYTES - 1;
  const fresh = queue.run((tx) => tx.put("new", "1"));
  const ending = queue.run((tx) => tx.put("end", "1"), { finishing: true });
  await expect(fresh).rejects.toMatchObject({ code: "DISK_FULL" });
  await ending;
  expect(disk.get("new")).toBeUndefined();
  expect(disk.get("end")).toBe("1");
});

test("a listener of the audit and a measure of space that throw are reported, and the queue goes on", async () => {
  const { queue, audit, state, effectErrors } = await setUp();
  audit.subscribe(() => {
    throw new Error("listener");
  });
  await queue.run((tx) => tx.audit(said("task:1")));
  Object.defineProperty(state, "free", {
    get: () => {
      throw new Error("no such disk");
    },
  });
  await expect(queue.run((tx) => tx.put("a", "1"))).rejects.toMatchObject({ code: "DISK_FULL" });
  await queue.run((tx) => tx.put("b", "1"), { finishing: true });
  expect(effectErrors.map(String)).toEqual(["Error: listener", "Error: no such disk", "Error: no such disk"]);
});

test("a transition that changes nothing costs no sync", async () => {
  const { queue, state } = await setUp();
  expect(await queue.run((tx) => tx.get("nothing"))).toBeUndefined();
  expect(state.batches).toBe(0);
});
